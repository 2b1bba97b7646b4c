#include "encode/length_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace kohort::encode {
namespace {

using Batches = std::vector<std::vector<std::int64_t>>;

Batches plan(const std::vector<std::int64_t>& lengths, std::int64_t budget) { return plan_batches(lengths, budget); }

TEST(LengthPlanner, sorts_by_length_and_then_by_first_occurrence) {
    EXPECT_EQ(plan({5, 3, 5, 3, 4}, 100), (Batches{{1, 3, 4, 0, 2}}));
    EXPECT_EQ(plan({}, 100), Batches{});
}

TEST(LengthPlanner, cuts_where_the_next_sequence_would_exceed_the_budget_with_padding) {
    EXPECT_EQ(plan({4, 4, 4, 4, 4}, 8), (Batches{{0, 1}, {2, 3}, {4}}));
    EXPECT_EQ(plan({2, 2, 3}, 8), (Batches{{0, 1}, {2}}));  // 3 columns x 3 rows do not fit; half full besides
    EXPECT_EQ(plan({1, 3, 3}, 9), (Batches{{0, 1, 2}}));    // exactly full
}

TEST(LengthPlanner, a_half_full_batch_ends_where_the_length_changes) {
    EXPECT_EQ(plan({2, 2, 2, 3}, 12), (Batches{{0, 1, 2}, {3}}));
    EXPECT_EQ(plan({2, 2, 3}, 12), (Batches{{0, 1, 2}}));
}

TEST(LengthPlanner, a_sequence_longer_than_the_budget_is_alone) { EXPECT_EQ(plan({50, 2, 60}, 10), (Batches{{1}, {0}, {2}})); }

TEST(LengthPlanner, every_sequence_is_in_one_batch_within_the_budget) {
    std::mt19937 random(5);
    for (int round = 0; round < 50; ++round) {
        std::vector<std::int64_t> lengths(random() % 500);
        for (auto& length : lengths) length = 1 + static_cast<std::int64_t>(random() % 40);
        const std::int64_t budget = 20 + static_cast<std::int64_t>(random() % 400);
        std::vector<int> seen(lengths.size());
        std::int64_t padded = 0, real = 0;
        for (const auto& batch : plan(lengths, budget)) {
            ASSERT_FALSE(batch.empty());
            std::int64_t longest = 0;
            for (const auto index : batch) {
                ++seen[static_cast<std::size_t>(index)];
                longest = std::max(longest, lengths[static_cast<std::size_t>(index)]);
                real += lengths[static_cast<std::size_t>(index)];
            }
            const auto tokens = longest * static_cast<std::int64_t>(batch.size());
            EXPECT_TRUE(tokens <= budget || batch.size() == 1);
            padded += tokens;
        }
        EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));
        EXPECT_TRUE(lengths.size() < 100 || static_cast<double>(padded) < 1.35 * static_cast<double>(real));
    }
}

}  // namespace
}  // namespace kohort::encode

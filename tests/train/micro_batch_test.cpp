#include "train/micro_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/philox.h"

namespace kohort::train {
namespace {

std::vector<std::int32_t> some_lengths(int n) {
    const base::Philox random(4, base::RandomPurpose::sampling);
    std::vector<std::int32_t> lengths;
    for (int i = 0; i < n; ++i) lengths.push_back(3 + static_cast<std::int32_t>(random.below(30, 0, static_cast<std::uint64_t>(i))));
    return lengths;
}

TEST(MicroBatches, hold_every_sequence_once_within_the_budget) {
    const auto lengths = some_lengths(700);
    const auto plan = plan_micro_batches(lengths, 256);
    std::set<std::int32_t> seen;
    for (const MicroBatch& micro_batch : plan) {
        EXPECT_LE(micro_batch.rows() * micro_batch.longest, 256);
        for (const std::int32_t place : micro_batch.sequences) {
            EXPECT_TRUE(seen.insert(place).second);
            EXPECT_LE(lengths[static_cast<std::size_t>(place)], micro_batch.longest);
        }
    }
    EXPECT_EQ(seen.size(), 700U);
}

TEST(MicroBatches, are_ordered_by_length_and_then_by_place) {
    const auto plan = plan_micro_batches(std::vector<std::int32_t>{9, 3, 9, 3, 9}, 18);
    ASSERT_EQ(plan.size(), 3U);
    EXPECT_THAT(plan[0].sequences, testing::ElementsAre(0, 2));
    EXPECT_THAT(plan[1].sequences, testing::ElementsAre(4));
    EXPECT_THAT(plan[2].sequences, testing::ElementsAre(1, 3));
}

TEST(MicroBatches, a_sequence_over_the_budget_is_one_by_itself) {
    const auto plan = plan_micro_batches(std::vector<std::int32_t>{50, 2, 50}, 10);
    EXPECT_EQ(plan.size(), 3U);
}

TEST(MicroBatches, are_enough_for_some_ranks_with_some_threads) {
    const auto plan = plan_micro_batches(some_lengths(1500), 0);
    EXPECT_GE(plan.size(), 16U);
    EXPECT_LE(plan.size(), 64U);
}

TEST(MicroBatches, are_dealt_in_balance) {
    auto plan = plan_micro_batches(some_lengths(1500), 0);
    for (const int ranks : {1, 2, 3, 4}) {
        deal_micro_batches(plan, ranks, 128);
        std::vector<double> load(static_cast<std::size_t>(ranks), 0);
        for (const MicroBatch& micro_batch : plan) load[static_cast<std::size_t>(micro_batch.rank)] += micro_batch.cost(128);
        EXPECT_LT(*std::max_element(load.begin(), load.end()), 1.1 * *std::min_element(load.begin(), load.end())) << ranks;
    }
}

TEST(MicroBatches, nothing_makes_no_micro_batch) { EXPECT_TRUE(plan_micro_batches({}, 0).empty()); }

}  // namespace
}  // namespace kohort::train

#include "parallel/balanced_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace kohort::parallel {
namespace {

TEST(BalancedRanges, cover_all_pieces_once_and_stay_within_one_piece_of_the_mean) {
    const std::vector<std::vector<std::int64_t>> cases = {
        {}, {5}, {0, 0, 0}, {1, 1, 1, 1, 1, 1, 1}, {100, 1, 1, 1, 1}, {1, 1, 1, 1, 100}, {0, 9, 0, 9, 0, 9, 0},
        {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9}, std::vector<std::int64_t>(1000, std::int64_t{1} << 50)};
    for (const auto& costs : cases) {
        const auto total = static_cast<double>(std::accumulate(costs.begin(), costs.end(), std::int64_t{0}));
        const auto dearest = costs.empty() ? 0.0 : static_cast<double>(*std::max_element(costs.begin(), costs.end()));
        for (const int ranks : {1, 2, 3, 5, 8}) {
            const auto ranges = balanced_ranges(costs, ranks);
            ASSERT_EQ(ranges.size(), static_cast<std::size_t>(ranks));
            std::int64_t next = 0;
            for (const auto& range : ranges) {
                EXPECT_EQ(range.first, next);
                EXPECT_GE(range.last, range.first);
                next = range.last;
                double share = 0;
                for (auto i = range.first; i < range.last; ++i) share += static_cast<double>(costs[static_cast<std::size_t>(i)]);
                EXPECT_LE(share, total / ranks + dearest);
            }
            EXPECT_EQ(next, static_cast<std::int64_t>(costs.size()));
        }
    }
}

}  // namespace
}  // namespace kohort::parallel

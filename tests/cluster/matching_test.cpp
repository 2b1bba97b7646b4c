#include "cluster/matching.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/philox.h"

namespace kohort::cluster {
namespace {

// The least sum over every way to match, by trying all orders of the longer side.
double least_by_trying(const std::vector<double>& cost, std::int64_t rows, std::int64_t columns) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(std::max(rows, columns)));
    std::iota(order.begin(), order.end(), 0);
    double least = std::numeric_limits<double>::infinity();
    do {
        double sum = 0;
        for (std::int64_t i = 0; i < std::min(rows, columns); ++i) {
            const auto other = order[static_cast<std::size_t>(i)];
            sum += rows <= columns ? cost[static_cast<std::size_t>(i * columns + other)]
                                   : cost[static_cast<std::size_t>(other * columns + i)];
        }
        least = std::min(least, sum);
    } while (std::next_permutation(order.begin(), order.end()));
    return least;
}

TEST(Matching, is_the_best_of_all_matchings) {
    const base::Philox random(3, base::RandomPurpose::sampling);
    for (std::uint64_t round = 0; round < 200; ++round) {
        const auto rows = static_cast<std::int64_t>(random.below(6, round, 1000)) + 1;
        const auto columns = static_cast<std::int64_t>(random.below(6, round, 1001)) + 1;
        std::vector<double> cost(static_cast<std::size_t>(rows * columns));
        // Few distinct values, negative ones too: ties and sign must not matter.
        for (std::size_t i = 0; i < cost.size(); ++i) cost[i] = static_cast<double>(random.below(7, round, i)) - 3.0;
        const auto assigned = minimum_cost_assignment(cost, rows, columns);
        double sum = 0;
        std::vector<int> used(static_cast<std::size_t>(columns));
        std::int64_t matched = 0;
        for (std::int64_t i = 0; i < rows; ++i) {
            const auto column = assigned[static_cast<std::size_t>(i)];
            if (column < 0) continue;
            ++matched;
            sum += cost[static_cast<std::size_t>(i * columns + column)];
            EXPECT_EQ(used[static_cast<std::size_t>(column)]++, 0);
        }
        EXPECT_EQ(matched, std::min(rows, columns));
        EXPECT_DOUBLE_EQ(sum, least_by_trying(cost, rows, columns)) << rows << " x " << columns;
    }
}

TEST(Matching, nothing_to_match_is_no_error) {
    EXPECT_TRUE(minimum_cost_assignment({}, 0, 3).empty());
    EXPECT_EQ(minimum_cost_assignment({}, 2, 0), (std::vector<std::int64_t>{-1, -1}));
}

}  // namespace
}  // namespace kohort::cluster

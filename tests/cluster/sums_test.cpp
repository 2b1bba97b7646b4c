// The exact sums: of rows (int64) and of distances (128 bits).
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "cluster/centroid_sums.h"
#include "cluster/wide_sum.h"
#include "parallel/exact_sum.h"

namespace kohort::cluster {
namespace {

TEST(CentroidGrid, rounds_as_the_exact_sum_does) {
    constexpr std::size_t d = 1003;  // no multiple of a register's lanes
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (const double largest : {1.0, 3e38, 1e-40, 7.5})
        for (const std::int64_t rows : {1, 5000, 1 << 30}) {
            const CentroidGrid grid(rows, largest);
            EXPECT_EQ(grid.exponent(), parallel::fixed_point_exponent(std::max<std::int64_t>(rows, 4096), largest));
            std::vector<float> x(d);
            for (float& value : x)
                value = static_cast<float>(std::clamp(static_cast<double>(normal(random)), -1.0, 1.0) * largest);
            x[0] = static_cast<float>(largest), x[1] = -x[0];
            std::vector<std::int64_t> sums(d, 7);
            grid.accumulate(x.data(), d, 1, sums.data());
            for (std::size_t j = 0; j < d; ++j)
                ASSERT_EQ(sums[j], 7 + parallel::to_fixed_point(static_cast<double>(x[j]), grid.exponent()));
            grid.accumulate(x.data(), d, -1, sums.data());
            EXPECT_EQ(sums, std::vector<std::int64_t>(d, 7)) << "a row taken out again leaves no trace";
            std::vector<std::int64_t> from(d, -5);
            grid.move(x.data(), d, 1, from.data(), sums.data());
            for (std::size_t j = 0; j < d; ++j) {
                const std::int64_t component = parallel::to_fixed_point(static_cast<double>(x[j]), grid.exponent());
                ASSERT_EQ(sums[j], 7 + component);
                ASSERT_EQ(from[j], -5 - component);
            }
        }
}

TEST(CentroidGrid, the_mean_is_the_exact_sum_divided_once) {
    const CentroidGrid grid(4096, 1.0);
    const std::vector<std::int64_t> sums = {std::int64_t{1} << 50, -3, 0};
    std::vector<float> mean(3);
    grid.mean(sums, 3, mean.data());
    EXPECT_EQ(mean[0], static_cast<float>(std::ldexp(1.0, 50 - grid.exponent()) / 3));
    EXPECT_EQ(mean[1], static_cast<float>(-std::ldexp(1.0, -grid.exponent())));
    EXPECT_EQ(mean[2], 0);
}

TEST(WideSum, keeps_terms_that_differ_by_twenty_decimal_places) {
    WideSum sum(1000, 1e6);
    for (int i = 0; i < 500; ++i) sum.add(1e6);
    for (int i = 0; i < 500; ++i) sum.add(0x1p-60);
    WideSum large(1000, 1e6);
    for (int i = 0; i < 500; ++i) large.add(1e6);
    EXPECT_NE(sum, large);
    EXPECT_EQ(large.value(), 5e8);
    WideSum small(1000, 1e6);
    for (int i = 0; i < 500; ++i) small.add(0x1p-60);
    EXPECT_EQ(small.value(), 500 * 0x1p-60);
}

TEST(WideSum, limbs_add_up_over_ranks) {
    std::mt19937 random(3);
    std::uniform_real_distribution<double> uniform(0, 4);
    constexpr int ranks = 7, per_rank = 300;
    WideSum whole(ranks * per_rank, 4.0);
    std::array<std::int64_t, WideSum::limb_count> limbs{};
    for (int r = 0; r < ranks; ++r) {
        WideSum part(ranks * per_rank, 4.0);
        for (int i = 0; i < per_rank; ++i) {
            const double term = uniform(random);
            part.add(term);
            whole.add(term);
        }
        const auto mine = part.limbs();
        for (std::size_t l = 0; l < limbs.size(); ++l) limbs[l] += mine[l];
    }
    WideSum joined(ranks * per_rank, 4.0);
    joined.set_from_limbs(limbs.data());
    EXPECT_EQ(joined, whole);
    EXPECT_NEAR(joined.value(), 2.0 * ranks * per_rank, 200);
}

TEST(WideSum, holds_as_many_of_the_largest_terms_as_promised) {
    const std::int64_t terms = std::int64_t{1} << 40;
    WideSum sum(terms, 3.0);
    sum.add(3.0, terms);
    EXPECT_EQ(sum.value(), 3.0 * static_cast<double>(terms));
    WideSum copy(terms, 3.0);
    copy.set_from_limbs(sum.limbs().data());
    EXPECT_EQ(copy, sum);
}

}  // namespace
}  // namespace kohort::cluster

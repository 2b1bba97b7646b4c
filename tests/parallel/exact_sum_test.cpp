#include "parallel/exact_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace kohort::parallel {
namespace {

TEST(ExactSum, the_exponent_is_the_largest_that_cannot_overflow) {
    for (const std::int64_t terms : {std::int64_t{1}, std::int64_t{2}, std::int64_t{3}, std::int64_t{1000}, std::int64_t{1} << 40}) {
        for (const double largest : {1.0, 0.75, 2.0, 3.0, 1e-9, 1e12}) {
            const int exponent = fixed_point_exponent(terms, largest);
            const long double whole = static_cast<long double>(terms) * static_cast<long double>(largest);
            EXPECT_LE(whole * std::exp2l(exponent), std::exp2l(62)) << terms << ' ' << largest;
            // Both factors are rounded up to a power of two, so at most two bits are given away.
            EXPECT_GT(whole * std::exp2l(exponent), std::exp2l(60)) << terms << ' ' << largest;
        }
    }
}

TEST(ExactSum, keeps_what_a_double_sum_loses_in_any_order) {
    std::vector<double> terms;
    for (int i = 0; i < 50; ++i) terms.insert(terms.end(), {0x1p40, 1.0, -0x1p40, 0x1p-10});
    const int exponent = fixed_point_exponent(static_cast<std::int64_t>(terms.size()), 0x1p40);
    std::mt19937 shuffle(3);
    for (int round = 0; round < 5; ++round) {
        std::shuffle(terms.begin(), terms.end(), shuffle);
        std::int64_t sum = 0;
        for (const double term : terms) sum += to_fixed_point(term, exponent);
        EXPECT_EQ(from_fixed_point(sum, exponent), 50 * (1.0 + 0x1p-10));
    }
}

}  // namespace
}  // namespace kohort::parallel

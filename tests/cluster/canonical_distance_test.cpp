#include "cluster/canonical_distance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace kohort::cluster {
namespace {

// The definition, one operation a line; volatile keeps the compiler from fusing or reordering anything.
double by_definition(const std::vector<float>& x, const std::vector<float>& c) {
    volatile double a[8] = {};
    for (std::size_t j = 0; j < x.size(); ++j) {
        volatile double difference = static_cast<double>(x[j]) - static_cast<double>(c[j]);
        volatile double square = difference * difference;
        a[j % 8] = a[j % 8] + square;
    }
    volatile double a01 = a[0] + a[1], a23 = a[2] + a[3], a45 = a[4] + a[5], a67 = a[6] + a[7];
    volatile double low = a01 + a23, high = a45 + a67;
    return low + high;
}

TEST(CanonicalDistance, has_the_bits_of_its_definition) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (std::size_t d = 1; d < 70; ++d)
        for (const float scale : {1.0f, 1e-30f, 1e30f}) {
            std::vector<float> x(d), c(d);
            for (float& value : x) value = scale * normal(random);
            for (float& value : c) value = scale * normal(random);
            EXPECT_EQ(canonical_distance(x.data(), c.data(), static_cast<std::int64_t>(d)), by_definition(x, c)) << d;
        }
}

TEST(CanonicalDistance, is_zero_for_equal_rows_and_finite_for_the_largest) {
    const std::vector<float> x(9, std::numeric_limits<float>::max()), c(9, -std::numeric_limits<float>::max());
    EXPECT_EQ(canonical_distance(x.data(), x.data(), 9), 0);
    EXPECT_TRUE(std::isfinite(canonical_distance(x.data(), c.data(), 9)));
}

TEST(NormBound, is_never_below_the_norm_and_barely_above) {
    std::mt19937 random(2);
    std::normal_distribution<float> normal;
    for (const float scale : {1.0f, 1e-37f, 1e-42f, 1e37f})
        for (std::size_t d = 1; d < 40; ++d) {
            std::vector<float> x(d);
            long double squares = 0;
            for (float& value : x) {
                value = scale * normal(random);
                squares += static_cast<long double>(value) * value;
            }
            const long double norm = std::sqrt(squares);
            const auto bound = static_cast<long double>(norm_bound(x.data(), static_cast<std::int64_t>(d)));
            EXPECT_GE(bound, norm);
            EXPECT_LE(bound, std::max(norm * (1 + 0x1p-20L), static_cast<long double>(std::numeric_limits<float>::min())));
        }
    const std::vector<float> zero(5, 0.0f), huge(5, 3e38f);
    EXPECT_EQ(norm_bound(zero.data(), 5), 0);
    EXPECT_TRUE(std::isinf(norm_bound(huge.data(), 5)));
}

}  // namespace
}  // namespace kohort::cluster

// What the coarse look leaves out cannot be nearest, and its bounds hold.
#include "cluster/prefilter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "cluster/canonical_distance.h"
#include "cluster/certify.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

std::vector<float> normals(std::int64_t count, double scale, double shift, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = static_cast<float>(shift + scale * normal(random));
    return values;
}

TEST(Prefilter, the_nearest_centroid_is_listed_and_every_distance_is_within_the_bounds) {
    for (const auto& arithmetic : coarse_arithmetic_here()) {
        int short_lists = 0, rows_seen = 0;
        for (const std::int64_t d : {1, 2, 3, 5, 16, 33, 127, 128, 129, 400})
            for (const std::int64_t k : {1, 2, 16, 17, 32, 33, 63, 64, 65, 130})
                for (const auto& [scale, shift] :
                     {std::pair{1.0, 0.0}, std::pair{1.0, 50.0}, std::pair{1e-12, 0.0}, std::pair{1e12, 0.0}}) {
                    const std::int64_t count = 40;
                    auto x = normals(count * d, scale, scale * shift, 1), c = normals(k * d, scale, scale * shift, 2);
                    // A few rows and centroids are far out, or all but at the centre.
                    for (std::int64_t j = 0; j < d; ++j) {
                        x[static_cast<std::size_t>(j)] *= 30;
                        c[static_cast<std::size_t>((k - 1) * d + j)] *= 30;
                        x[static_cast<std::size_t>(d + j)] = static_cast<float>(scale * shift);
                    }
                    const Prefilter prefilter = arithmetic.prefilter(c, d);
                    Prefilter::Found found;
                    prefilter.look(x.data(), count, found);
                    for (std::int64_t i = 0; i < count; ++i) {
                        const auto at = static_cast<std::size_t>(i);
                        const Shortlist& list = found.lists[at];
                        if (!found.usable(i)) continue;
                        ++rows_seen;
                        short_lists += list.count <= std::max<std::int64_t>(3, k / 8);
                        std::vector<double> distances;
                        for (std::int32_t id = 0; id < k; ++id)
                            distances.push_back(canonical_distance(x.data() + i * d, c.data() + id * d, d));
                        const auto nearest = static_cast<std::int32_t>(std::ranges::min_element(distances) - distances.begin());
                        const std::span ids(list.ids, static_cast<std::size_t>(list.count));
                        ASSERT_TRUE(std::ranges::is_sorted(ids));
                        ASSERT_NE(std::ranges::find(ids, nearest), ids.end()) << "d " << d << " k " << k << " row " << i;
                        ASSERT_LE(distances[static_cast<std::size_t>(nearest)],
                                  static_cast<double>(list.most) + found.at_most[at]);
                        for (std::int32_t id = 0; id < k; ++id) {
                            const auto listed = std::ranges::find(ids, id);
                            if (listed != ids.end() && k <= prefilter.kernel().wide) continue;  // no value of its own is kept
                            const float least = listed == ids.end() ? list.rest : list.least[listed - ids.begin()];
                            ASSERT_GE(distances[static_cast<std::size_t>(id)], static_cast<double>(least) + found.at_least[at]);
                        }
                    }
                }
        EXPECT_GT(rows_seen, 5000);
        EXPECT_GT(short_lists, rows_seen / 2);  // and most centroids are left out
    }
}

// What a row is at most wrong by is what makes its list long: the bounds are no looser than what they bound.
TEST(Prefilter, lists_are_as_short_as_the_numbers_allow) {
    for (const auto& arithmetic : coarse_arithmetic_here()) {
        const std::int64_t d = 256, k = 128, count = 100;
        const auto c = normals(k * d, 1, 0, 8);
        auto x = normals(count * d, 3, 0, 9);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] += c[i % c.size()];
        Prefilter::Found found;
        arithmetic.prefilter(c, d).look(x.data(), count, found);
        std::int64_t listed = 0;
        for (const Shortlist& list : found.lists) listed += list.count;
        EXPECT_GE(listed, count);
        EXPECT_LT(listed, arithmetic.format == CoarseFormat::bf16 ? count * 5 / 4 : count * 2);
    }
}

TEST(Prefilter, what_is_too_large_or_not_told_apart_is_left_to_others) {
    for (const auto& arithmetic : coarse_arithmetic_here()) {
        const auto x = normals(10 * 8, 1e25, 0, 3), c = normals(5 * 8, 1, 0, 4);
        Prefilter::Found found;
        arithmetic.prefilter(c, 8).look(x.data(), 10, found);
        for (std::int64_t i = 0; i < 10; ++i) EXPECT_FALSE(found.usable(i));
        const std::vector<float> same(100 * 8, 0.5f);
        const auto y = normals(10 * 8, 1, 0, 5);
        arithmetic.prefilter(same, 8).look(y.data(), 10, found);
        for (std::int64_t i = 0; i < 10; ++i) EXPECT_FALSE(found.usable(i));
    }
}

// The memory of a look is used again by the next, even after numbers that overflowed.
TEST(Prefilter, what_was_looked_at_before_leaves_no_trace) {
    for (const auto& arithmetic : coarse_arithmetic_here()) {
        Prefilter::Found found;
        const std::vector<float> low(2 * 64, -3e38f), high(40 * 64, 3e38f);
        arithmetic.prefilter(low, 64).look(high.data(), 40, found);
        const std::vector<float> c = {-1, 1}, x(40, 0.9f);
        arithmetic.prefilter(c, 1).look(x.data(), 40, found);
        for (std::int64_t i = 0; i < 40; ++i) {
            ASSERT_TRUE(found.usable(i)) << kernel_name(arithmetic.kernel) << ' ' << format_name(arithmetic.format) << " row " << i;
            const Shortlist& list = found.lists[static_cast<std::size_t>(i)];
            EXPECT_EQ(std::vector<std::int32_t>(list.ids, list.ids + list.count), std::vector<std::int32_t>{1});
        }
    }
}

// The sum of the products of so many dimensions does not fit 32 bits.
TEST(Prefilter, int8_leaves_vectors_too_long_for_its_sums_to_others) {
    const std::int64_t d = 0x7fffffff / (128 * 127) + 1;
    for (const auto& arithmetic : coarse_arithmetic_here()) {
        std::vector<float> c(static_cast<std::size_t>(2 * d), 1), x(static_cast<std::size_t>(d), 1);
        std::fill(c.begin() + d, c.end(), -1.0f);
        Prefilter::Found found;
        arithmetic.prefilter(c, d).look(x.data(), 1, found);
        EXPECT_EQ(found.usable(0), arithmetic.format == CoarseFormat::bf16);
        const Prefilter shorter =
            arithmetic.prefilter(std::span<const float>(c).subspan(1, static_cast<std::size_t>(2 * d - 2)), d - 1);
        shorter.look(x.data(), 1, found);
        ASSERT_TRUE(found.usable(0));
        EXPECT_EQ(found.lists[0].count, 1);
        EXPECT_EQ(found.lists[0].ids[0], 0);
    }
}

TEST(Prefilter, listed_centroids_get_the_value_that_float32_defines) {
    for (const auto& arithmetic : coarse_arithmetic_here())
        for (const std::int64_t d : {1, 15, 16, 17, 128, 300}) {
            const auto x = normals(d, 1, 3, 6), c = normals(20 * d, 1, 3, 7);
            std::vector<float> norms(20), values(3);
            for (std::int64_t id = 0; id < 20; ++id) {
                double square = 0;
                for (std::int64_t j = 0; j < d; ++j) square += std::pow(c[static_cast<std::size_t>(id * d + j)], 2);
                norms[static_cast<std::size_t>(id)] = static_cast<float>(square);
            }
            const std::vector<std::int32_t> ids = {3, 4, 19};
            arithmetic.prefilter(c, d)
                .kernel().values(x.data(), d, c.data(), norms.data(), ids.data(), 3, values.data());
            for (std::size_t i = 0; i < ids.size(); ++i) {
                long double exact = 0;
                for (std::int64_t j = 0; j < d; ++j) {
                    const long double component = c[static_cast<std::size_t>(ids[i] * d + j)];
                    exact += component * (component - 2.0L * x[static_cast<std::size_t>(j)]);
                }
                const CertifiedGap gap(d, norm_bound(c.data() + ids[i] * d, d));
                EXPECT_LE(2 * std::abs(static_cast<double>(values[i] - exact)), gap(norm_bound(x.data(), d)));
            }
        }
}

}  // namespace
}  // namespace kohort::cluster

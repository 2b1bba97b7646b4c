// What the bfloat16 look leaves out cannot be nearest, and its bounds hold.
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

TEST(Bf16, the_nearest_centroid_is_listed_and_every_distance_is_within_the_bounds) {
    if (!machine_has_bf16_or_refuses_it()) return;
    int short_lists = 0, rows_seen = 0;
    for (const std::int64_t d : {1, 2, 5, 16, 33, 127, 128, 129, 400})
        for (const std::int64_t k : {1, 2, 63, 64, 65, 130})
            for (const auto& [scale, shift] : {std::pair{1.0, 0.0}, std::pair{1.0, 50.0}, std::pair{1e-12, 0.0}, std::pair{1e12, 0.0}}) {
                const std::int64_t count = 40;
                const auto x = normals(count * d, scale, scale * shift, 1), c = normals(k * d, scale, scale * shift, 2);
                const Prefilter prefilter(c, d);
                Prefilter::Found found;
                prefilter.look(x.data(), count, found);
                for (std::int64_t i = 0; i < count; ++i) {
                    const auto& row = found.bounds[static_cast<std::size_t>(i)];
                    const Shortlist& list = found.lists[static_cast<std::size_t>(i)];
                    if (!row.usable) continue;
                    ++rows_seen;
                    short_lists += list.count <= std::max<std::int64_t>(3, k / 8);
                    std::int32_t nearest = 0;
                    std::vector<double> distances;
                    for (std::int32_t id = 0; id < k; ++id)
                        distances.push_back(canonical_distance(x.data() + i * d, c.data() + id * d, d));
                    nearest = static_cast<std::int32_t>(std::ranges::min_element(distances) - distances.begin());
                    const std::span ids(list.ids, static_cast<std::size_t>(list.count));
                    ASSERT_TRUE(std::ranges::is_sorted(ids));
                    ASSERT_NE(std::ranges::find(ids, nearest), ids.end()) << "d " << d << " k " << k << " row " << i;
                    for (std::int32_t id = 0; id < k; ++id) {
                        const auto listed = std::ranges::find(ids, id);
                        const double distance = distances[static_cast<std::size_t>(id)];
                        if (listed == ids.end()) {
                            ASSERT_GE(distance, list.rest + row.at_least);
                            continue;
                        }
                        const auto value = static_cast<double>(list.values[listed - ids.begin()]);
                        ASSERT_LE(distance, value + row.at_most);
                        ASSERT_GE(distance, value + row.at_least);
                    }
                }
            }
    EXPECT_GT(rows_seen, 5000);
    EXPECT_GT(short_lists, rows_seen / 2);  // and most centroids are left out
}

TEST(Bf16, what_is_too_large_or_not_told_apart_is_left_to_others) {
    if (!machine_has_bf16_or_refuses_it()) return;
    const auto x = normals(10 * 8, 1e25, 0, 3), c = normals(5 * 8, 1, 0, 4);
    Prefilter::Found found;
    Prefilter(c, 8).look(x.data(), 10, found);
    for (const auto& row : found.bounds) EXPECT_FALSE(row.usable);
    const std::vector<float> same(100 * 8, 0.5f);
    const auto y = normals(10 * 8, 1, 0, 5);
    Prefilter(same, 8).look(y.data(), 10, found);
    for (const auto& row : found.bounds) EXPECT_FALSE(row.usable);
}

TEST(Bf16, listed_centroids_get_the_value_that_float32_defines) {
    if (!machine_has_bf16_or_refuses_it()) return;
    for (const std::int64_t d : {1, 15, 16, 17, 128, 300}) {
        const auto x = normals(d, 1, 3, 6), c = normals(20 * d, 1, 3, 7);
        std::vector<float> norms(20), values(3);
        for (std::int64_t id = 0; id < 20; ++id) {
            double square = 0;
            for (std::int64_t j = 0; j < d; ++j) square += std::pow(c[static_cast<std::size_t>(id * d + j)], 2);
            norms[static_cast<std::size_t>(id)] = static_cast<float>(square);
        }
        const std::vector<std::int32_t> ids = {3, 4, 19};
        Prefilter(c, d).kernel().values(x.data(), d, c.data(), norms.data(), ids.data(), 3, values.data());
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

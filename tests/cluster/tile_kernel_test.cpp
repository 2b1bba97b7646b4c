// The float32 kernels by themselves, at every width: their error stays inside the proven bound, and what they keep of
// a row is what a plain loop over their values would keep. All widths are compiled for this machine here, so that
// the sixteen-lane form is tested on machines without AVX-512 too.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "cluster/canonical_distance.h"
#include "cluster/certify.h"
#include "cluster/packed_centroids.h"
#include "cluster/tile_kernel_impl.h"

namespace kohort::cluster {
namespace {

// And the machine's own sixteen-lane form, which multiplies few centroids in another way.
std::vector<TileKernel> kernels() {
    std::vector<TileKernel> all = {TileKernelBody<4, 6, 2>::table(), TileKernelBody<8, 6, 2>::table(),
                                   TileKernelBody<16, 6, 4>::table()};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) all.push_back(tile_kernel_avx512);
#endif
    return all;
}

// v(row, centroid) as one of k: with a single centroid the best value is its value.
float value_of(TileKernel kernel, const float* row, const float* centroid, std::int64_t d, std::int64_t k) {
    kernel.narrow &= k <= narrow_most_centroids;
    const PackedCentroids packed(std::span(centroid, static_cast<std::size_t>(d)), d, kernel);
    RowBest best;
    kernel.best_two(row, 1, packed.view(), &best);
    return best.first;
}

std::vector<float> normals(std::size_t count, double shift, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(shift + normal(random));
    return values;
}

TEST(TileKernel, errors_stay_inside_the_proven_bound) {
    for (const std::int64_t d : {1, 8, 15, 16, 17, 127, 128, 129, 700, 2048, 2049})
        for (const double shift : {0.0, 3.0, 1000.0}) {
            const auto x = normals(static_cast<std::size_t>(30 * d), shift, 1),
                       c = normals(static_cast<std::size_t>(5 * d), shift, 2);
            for (const TileKernel& kernel : kernels())
                for (std::int64_t i = 0; i < 30; ++i)
                    for (std::int64_t id = 0; id < 5; ++id) {
                        const float *row = x.data() + i * d, *centroid = c.data() + id * d;
                        long double exact = 0;
                        for (std::int64_t j = 0; j < d; ++j)
                            exact +=
                                static_cast<long double>(centroid[j]) * (static_cast<long double>(centroid[j]) - 2.0L * row[j]);
                        const CertifiedGap gap(d, norm_bound(centroid, d));
                        const double error = static_cast<double>(std::abs(value_of(kernel, row, centroid, d, 1) - exact));
                        ASSERT_LE(2 * error, gap(norm_bound(row, d)))
                            << kernel.lanes << " lanes, d = " << d << ", shift " << shift;
                    }
        }
}

void expect_plain_loop(std::int64_t d, std::initializer_list<std::int64_t> numbers_of_clusters) {
    for (const std::int64_t k : numbers_of_clusters) {
        const auto x = normals(static_cast<std::size_t>(block_rows * d), 0, 3),
                   c = normals(static_cast<std::size_t>(k * d), 0, 4);
        for (const TileKernel& kernel : kernels())
            for (const std::int64_t count : std::initializer_list<std::int64_t>{1, 6, 16, 29, block_rows}) {
                const PackedCentroids packed(c, d, kernel);
                std::vector<RowBest> two(static_cast<std::size_t>(count)), three(static_cast<std::size_t>(count));
                kernel.best_two(x.data(), count, packed.view(), two.data());
                kernel.best_three(x.data(), count, packed.view(), three.data());
                std::vector<std::int64_t> looked_at = {0, count / 2, count - 1};
                if (k <= narrow_most_centroids) {  // rows lie in lanes there
                    looked_at.resize(static_cast<std::size_t>(count));
                    std::iota(looked_at.begin(), looked_at.end(), 0);
                }
                for (const std::int64_t i : looked_at) {
                    std::vector<std::pair<float, std::int32_t>> values;
                    for (std::int32_t id = 0; id < k; ++id)
                        values.emplace_back(value_of(kernel, x.data() + i * d, c.data() + id * d, d, k), id);
                    std::ranges::sort(values);
                    values.resize(3, {std::numeric_limits<float>::infinity(), 0});
                    const auto& best = two[static_cast<std::size_t>(i)];
                    EXPECT_EQ(best.first, values[0].first);
                    EXPECT_EQ(best.first_id, values[0].second);
                    EXPECT_EQ(best.second, values[1].first);
                    const auto& best3 = three[static_cast<std::size_t>(i)];
                    EXPECT_EQ(best3.first, values[0].first);
                    EXPECT_EQ(best3.first_id, values[0].second);
                    EXPECT_EQ(best3.second, values[1].first);
                    if (k > 1) {
                        EXPECT_EQ(best3.second_id, values[1].second);
                    }
                    EXPECT_EQ(best3.third, values[2].first);
                }
            }
    }
}

TEST(TileKernel, keeps_what_a_plain_loop_keeps) {
    expect_plain_loop(150, {1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 17, 31, 64, 70, 100, 115});
    expect_plain_loop(4200, {5, 70});  // many chunks, and too many dimensions for the kernel of a few clusters
}

TEST(TileKernel, near_finds_exactly_the_values_within_the_limit) {
    const std::int64_t d = 30, count = 50;
    for (const std::int64_t k : {9, 77})
        for (const TileKernel& kernel : kernels()) {
            const auto x = normals(count * d, 0, 5), c = normals(static_cast<std::size_t>(k * d), 0, 6);
            const PackedCentroids packed(c, d, kernel);
            std::vector<float> limits;
            std::vector<std::vector<std::int32_t>> expected(count), found(count);
            for (std::int64_t i = 0; i < count; ++i) {
                limits.push_back(value_of(kernel, x.data() + i * d, c.data() + (i % k) * d, d, k));  // itself included
                for (std::int32_t id = 0; id < k; ++id)
                    if (value_of(kernel, x.data() + i * d, c.data() + id * d, d, k) <= limits.back())
                        expected[static_cast<std::size_t>(i)].push_back(id);
            }
            kernel.near(
                x.data(), count, packed.view(), limits.data(),
                [](void* context, std::int32_t row, std::int32_t id) {
                    (*static_cast<std::vector<std::vector<std::int32_t>>*>(context))[static_cast<std::size_t>(row)].push_back(
                        id);
                },
                &found);
            EXPECT_EQ(found, expected) << kernel.lanes << " lanes";
        }
}

}  // namespace
}  // namespace kohort::cluster

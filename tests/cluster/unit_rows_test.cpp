// Spherical k-means: the highest cosine wins, whatever the vectors' lengths.
#include "cluster/unit_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "cluster/centroid_sums.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

std::vector<float> unit(std::vector<float> values, std::size_t d) {
    for (std::size_t at = 0; at < values.size(); at += d) make_unit(std::span(values).subspan(at, d));
    return values;
}

double cosine(const float* a, const float* b, std::size_t d) {
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t j = 0; j < d; ++j) {
        ab += static_cast<double>(a[j]) * static_cast<double>(b[j]);
        aa += static_cast<double>(a[j]) * static_cast<double>(a[j]);
        bb += static_cast<double>(b[j]) * static_cast<double>(b[j]);
    }
    return ab / std::sqrt(aa * bb);
}

TEST(UnitRows, have_length_one_and_their_direction) {
    EXPECT_THAT(unit({3, 4, 0, 0, 3e38f, 3e38f, 1e-45f, 0, -2, 0}, 2),
                testing::ElementsAre(0.6f, 0.8f, 0, 0, std::sqrt(0.5f), std::sqrt(0.5f), 1, 0, -1, 0));
}

TEST(UnitRows, are_made_as_they_are_read) {
    const auto values = blobs(3, 50, 4, 2, 51);
    const ShardSource source(values, 4, {{0, 0, 60}, {1, 60, 40}, {0, 100, 50}}, 0);
    const UnitRows rows(source);
    EXPECT_EQ(rows.dimensions(), 4);
    EXPECT_EQ(rows.ranges().size(), 2u);
    std::vector<float> read(20);
    rows.read(1, 7, read);
    EXPECT_EQ(read, unit({values.begin() + 107 * 4, values.begin() + 112 * 4}, 4));
}

TEST(Spherical, labels_have_the_highest_cosine_and_centroids_are_unit_means) {
    const std::size_t d = 9;
    auto values = blobs(6, 80, 9, 1.2, 52);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= static_cast<float>(1 + i / d % 7);  // lengths that say nothing
    KMeansOptions options;
    options.clusters = 6;
    options.metric = Metric::cosine;
    const auto rows = unit(values, d);
    const auto result = run_single(rows, 9, options);
    ASSERT_TRUE(result.converged);
    std::vector<double> mean(6 * d);
    for (std::size_t i = 0; i < result.labels.size(); ++i) {
        double best = -2;
        for (std::size_t c = 0; c < 6; ++c)
            best = std::max(best, cosine(values.data() + i * d, result.centroids.data() + c * d, d));
        const auto label = static_cast<std::size_t>(result.labels[i]);
        EXPECT_NEAR(cosine(values.data() + i * d, result.centroids.data() + label * d, d), best, 1e-6);
        for (std::size_t j = 0; j < d; ++j) mean[label * d + j] += static_cast<double>(rows[i * d + j]);
    }
    for (std::size_t c = 0; c < 6; ++c) {
        double length = 0;
        for (std::size_t j = 0; j < d; ++j) length += mean[c * d + j] * mean[c * d + j];
        for (std::size_t j = 0; j < d; ++j)
            EXPECT_NEAR(result.centroids[c * d + j], mean[c * d + j] / std::sqrt(length), 1e-6);
    }
    for (std::size_t i = 1; i < result.inertias.size(); ++i) EXPECT_LE(result.inertias[i], result.inertias[i - 1] * (1 + 1e-6));
}

TEST(Spherical, gives_the_same_bytes_at_any_ranks_pruned_and_streamed) {
    const auto rows = unit(blobs(6, 80, 9, 1, 53), 9);
    KMeansOptions options;
    options.clusters = 7;
    options.metric = Metric::cosine;
    options.pruning = Pruning::off;
    const auto reference = run_single(rows, 9, options);
    options.pruning = Pruning::on;
    for (const int ranks : {2, 3, 5})
        EXPECT_EQ(run_sharded(rows, 9, options, ranks, wild_shards(480, ranks, 2), {.streamed = ranks == 3}), reference);
}

// Unit rows, of which the direction of copies is another one by the last bit of a component: nothing to take a cluster for.
std::vector<float> rows_off_their_direction(std::int64_t d, int count, unsigned seed) {
    const CentroidGrid grid(4096, 1);
    const auto many = unit(blobs(1, 4000, d, 0, seed), static_cast<std::size_t>(d));
    std::vector<float> found, direction(static_cast<std::size_t>(d));
    for (auto row = many.begin(); row != many.end() && std::ssize(found) < count * d; row += d) {
        std::vector<std::int64_t> sums(static_cast<std::size_t>(d));
        grid.accumulate(&*row, d, 1, sums.data());
        grid.direction(sums, direction.data());
        if (!std::equal(direction.begin(), direction.end(), row)) found.insert(found.end(), row, row + d);
    }
    EXPECT_EQ(std::ssize(found), count * d);
    return found;
}

// Clusters for which no direction is left stay empty, and the iterations end.
TEST(Spherical, surplus_clusters_take_neither_copies_nor_rows_of_zeros) {
    for (const std::int64_t d : {2, 3})
        for (unsigned seed = 0; seed < 4; ++seed) {
            const auto directions = rows_off_their_direction(d, 5, 60 + seed);
            for (const int zeros : {0, 4}) {
                std::vector<float> rows;
                for (int copy = 0; copy < 30; ++copy) rows.insert(rows.end(), directions.begin(), directions.end());
                rows.resize(rows.size() + static_cast<std::size_t>(zeros * d));
                KMeansOptions options;
                options.clusters = 9;
                options.metric = Metric::cosine;
                options.seed = seed;
                options.restarts = 2;
                for (const auto how : {Initialization::kmeans_parallel, Initialization::random}) {
                    options.initialization = how;
                    const auto result = run_single(rows, d, options);
                    EXPECT_TRUE(result.converged) << d << ' ' << seed << ' ' << zeros;
                    EXPECT_LT(result.inertia, zeros + 1e-6) << d << ' ' << seed;  // less where a centroid is a row of zeros
                }
            }
        }
}

TEST(Spherical, opposite_rows_have_no_direction_and_their_centroid_stays) {
    KMeansOptions options;
    options.clusters = 1;
    options.metric = Metric::cosine;
    options.initialization = Initialization::given;
    options.initial_centroids = {0, 1};
    EXPECT_THAT(run_single({1, 0, -1, 0}, 2, options).centroids, testing::ElementsAre(0, 1));
}

TEST(Spherical, given_centroids_are_directions_too) {
    KMeansOptions options;
    options.clusters = 2;
    options.metric = Metric::cosine;
    options.initialization = Initialization::given;
    options.initial_centroids = {0, 3, 5, 0};
    options.iterations = 0;
    const auto result = run_single({.8f, .6f, .6f, .8f}, 2, options);
    EXPECT_THAT(result.centroids, testing::ElementsAre(0, 1, 1, 0));
    EXPECT_THAT(result.labels, testing::ElementsAre(1, 0));
    // A former run's are of length one but for rounding, and stay as they are.
    const auto rows = unit(blobs(4, 50, 5, 2, 54), 5);
    KMeansOptions former;
    former.clusters = 4;
    former.metric = Metric::cosine;
    options.clusters = 4;
    options.initial_centroids = run_single(rows, 5, former).centroids;
    EXPECT_EQ(run_single(rows, 5, options).centroids, options.initial_centroids);
}

}  // namespace
}  // namespace kohort::cluster

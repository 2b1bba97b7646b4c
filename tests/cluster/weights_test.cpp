// A row of weight w counts as w rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "cluster/unit_rows.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

using testing::ElementsAre;

KMeansOptions given(std::vector<float> centroids, std::int64_t k) {
    KMeansOptions options;
    options.clusters = k;
    options.initialization = Initialization::given;
    options.initial_centroids = std::move(centroids);
    return options;
}

HowToRun weighing(std::vector<float> weights, bool streamed = false) {
    HowToRun how;
    how.weights = std::move(weights);
    how.streamed = streamed;
    return how;
}

TEST(Weights, pull_the_means_of_the_square) {
    const auto result = run_single({0, 0, .5, 0, .5, 1, 1, 1}, 2, given({0, 0, 1, 1}, 2), weighing({3, 1, 1, 3}));
    EXPECT_THAT(result.labels, ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(result.centroids, ElementsAre(.125f, 0, .875f, 1));
    EXPECT_EQ(result.inertia, 0.375);
    EXPECT_EQ(result.inertias.back(), 0.375);
    EXPECT_THAT(result.counts, ElementsAre(2, 2));  // rows, not weights
}

TEST(Weights, weigh_in_the_inertia) {
    const auto result = run_single({0, 2, 4, 10, 12, 14}, 1, given({2, 12}, 2), weighing({1, 1, 1, 2, 2, 2}));
    EXPECT_THAT(result.centroids, ElementsAre(2, 12));
    EXPECT_EQ(result.inertia, 24);  // 4 + 0 + 4 and twice that
}

// Whole weights against the rows so many times, on a grid that both sums hold exactly.
TEST(Weights, are_the_same_as_repeating_rows) {
    const std::int64_t d = 3;
    auto values = blobs(5, 40, d, 1, 61);
    for (float& value : values) value = std::round(value * 256) / 256;
    std::mt19937 random(6);
    std::vector<float> weights, repeated;
    std::vector<std::size_t> first;  // of each row in `repeated`
    for (std::size_t i = 0; i < 200; ++i) {
        weights.push_back(static_cast<float>(1 + random() % 4));
        first.push_back(repeated.size() / 3);
        for (float copies = weights.back(); copies > 0; --copies)
            repeated.insert(repeated.end(), values.begin() + static_cast<std::ptrdiff_t>(3 * i),
                            values.begin() + static_cast<std::ptrdiff_t>(3 * i + 3));
    }
    auto options = given({values.begin(), values.begin() + 5 * d}, 5);
    const auto once = run_single(values, d, options, weighing(weights));
    const auto many = run_single(repeated, d, options);
    EXPECT_EQ(once.centroids, many.centroids);
    EXPECT_EQ(once.iterations, many.iterations);
    EXPECT_NEAR(once.inertia, many.inertia, 1e-12 * many.inertia);
    for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(once.labels[i], many.labels[first[i]]);
}

TEST(Weights, of_one_change_nothing) {
    const auto values = blobs(6, 70, 7, 0.8, 62);
    KMeansOptions options;
    options.clusters = 6;
    EXPECT_EQ(run_single(values, 7, options, weighing(std::vector<float>(420, 1.0f))), run_single(values, 7, options));
}

TEST(Weights, give_the_same_bytes_at_any_ranks_pruned_and_streamed) {
    const auto values = blobs(6, 70, 7, 0.8, 63);
    std::vector<float> weights;
    std::mt19937 random(7);
    for (int i = 0; i < 420; ++i)
        weights.push_back(
            i % 11 == 0 ? 0.0f : std::ldexp(1.0f + static_cast<float>(random() % 1000) / 777, static_cast<int>(random() % 8)));
    KMeansOptions options;
    options.clusters = 6;
    options.restarts = 2;
    options.pruning = Pruning::off;
    const auto reference = run_single(values, 7, options, weighing(weights));
    options.pruning = Pruning::on;
    for (const int ranks : {1, 2, 3, 5}) {
        options.threads = ranks == 1 ? 2 : 1;
        EXPECT_EQ(run_sharded(values, 7, options, ranks, wild_shards(420, ranks, 5), weighing(weights, ranks == 3)), reference)
            << ranks;
    }
}

TEST(Weights, a_row_without_weight_gets_a_label_and_moves_nothing) {
    const auto result = run_single({0, 1, 10, 11, 1000}, 1, given({0, 10}, 2), weighing({1, 1, 1, 1, 0}));
    EXPECT_THAT(result.labels, ElementsAre(0, 0, 1, 1, 1));
    EXPECT_THAT(result.centroids, ElementsAre(.5f, 10.5f));
    // And it never fills an empty cluster, far away as it may be.
    const auto refilled = run_single({0, 1, 2, 30, 1000}, 1, given({0, 5000, 6000}, 3), weighing({1, 1, 1, 1, 0}));
    EXPECT_GT(refilled.refilled, 0);
    for (const float centroid : refilled.centroids) EXPECT_LE(centroid, 30);
}

// k-means|| and k-means++ look where the weight is: two far clouds, one of which weighs next to nothing.
TEST(Weights, steer_the_initialization) {
    std::vector<float> values, weights;
    for (int i = 0; i < 300; ++i) {
        const bool heavy = i < 30;
        values.push_back(heavy ? static_cast<float>(i % 3) : 1000 + static_cast<float>(i));
        weights.push_back(heavy ? 1.0f : 1e-12f);
    }
    KMeansOptions options;
    options.clusters = 3;
    options.iterations = 0;
    options.restarts = 1;
    int in_the_light_cloud = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        options.seed = seed;
        for (const float centroid : run_single(values, 1, options, weighing(weights)).centroids)
            in_the_light_cloud += centroid >= 1000;
    }
    EXPECT_LE(in_the_light_cloud, 20);  // at most the first, which any row may be
}

TEST(Weights, that_are_none_are_refused_by_row) {
    for (const int ranks : {1, 3}) {
        for (const float wrong : {-1.0f, INFINITY, NAN}) try {
                run_sharded(std::vector<float>(20, 1.0f), 2, given({0, 0}, 1), ranks, even_shards(10, ranks),
                            weighing({1, 1, 1, 1, 1, 1, 1, wrong, 1, wrong}));
                FAIL() << "not refused";
            } catch (const base::Error& error) {
                EXPECT_EQ(error.kind(), base::ErrorKind::input);
                EXPECT_THAT(error.what(), testing::HasSubstr("row 7 "));
            }
        try {
            run_sharded(std::vector<float>(20, 1.0f), 2, given({0, 0, 1, 1}, 2), ranks, even_shards(10, ranks),
                        weighing({0, 0, 0, 0, 1, 0, 0, 0, 0, 0}));
            FAIL() << "not refused";
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::usage);
            EXPECT_THAT(error.what(), testing::HasSubstr("only 1 rows of weight above 0"));
        }
    }
}

TEST(Weights, too_small_beside_others_leave_a_centroid_where_it_is) {
    const auto result = run_single({0, 1, 10, 11}, 1, given({0, 10}, 2), weighing({1e-12f, 1e-12f, 1e12f, 1e12f}));
    EXPECT_THAT(result.labels, ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(result.centroids, ElementsAre(0, 10.5f));
    EXPECT_THAT(result.counts, ElementsAre(2, 2));
}

TEST(Weights, of_zero_take_no_digits_from_the_others) {
    const auto result = run_single({0, .5f, 10, 10.5f, 1e15f}, 1, given({0, 10}, 2), weighing({1, 1, 1, 1, 0}));
    EXPECT_THAT(result.labels, ElementsAre(0, 0, 1, 1, 1));
    EXPECT_THAT(result.centroids, ElementsAre(.25f, 10.25f));
    EXPECT_EQ(result.inertia, .25);
    EXPECT_EQ(result.inertias.back(), .25);
}

// The initialization looks at a sample of so many rows; those that weigh are few and must be in it.
TEST(Weights, of_zero_keep_no_row_that_counts_out_of_the_sample) {
    std::vector<float> values(3000, 7), weights(3000, 0);
    values[17] = 5, weights[17] = 1;
    values[2900] = 9, weights[2900] = 1;
    KMeansOptions options;
    options.clusters = 2;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        options.seed = seed;
        EXPECT_THAT(run_sharded(values, 1, options, 2, even_shards(3000, 2), weighing(weights)).centroids,
                    testing::UnorderedElementsAre(5, 9))
            << seed;
    }
}

// Beside a heavy row the grid of the sums is coarse for a light one: its copies are not taken for others.
TEST(Weights, copies_of_light_rows_fill_no_surplus_clusters) {
    for (const auto metric : {Metric::euclidean, Metric::cosine})
        for (const float light : {1e-9f, 1e-6f, 1e-3f}) {
            const std::int64_t d = 4;
            auto values = blobs(3, 1, d, 1, 65);
            for (std::size_t row = 0; row < 3; ++row) make_unit(std::span(values).subspan(row * 4, 4));
            std::vector<float> weights = {1e6f, 1, 1};
            for (int copy = 0; copy < 20; ++copy) {
                values.insert(values.end(), values.begin() + 4, values.begin() + 8);
                weights.push_back(light);
            }
            weights[1] = light;
            KMeansOptions options = given({}, 6);
            options.metric = metric;
            options.initial_centroids.assign(6 * d, 0.5f);
            const auto result = run_single(values, d, options, weighing(weights));
            EXPECT_TRUE(result.converged) << light;
        }
}

}  // namespace
}  // namespace kohort::cluster

#include "cluster/kmeans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cluster/canonical_distance.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

using testing::ElementsAre;

const std::vector<float> square = {0, 0, .5, 0, .5, 1, 1, 1};

KMeansOptions given(std::vector<float> centroids, std::int64_t k) {
    KMeansOptions options;
    options.clusters = k;
    options.initialization = Initialization::given;
    options.initial_centroids = std::move(centroids);
    return options;
}

KMeansOptions clusters(std::int64_t k, std::uint64_t seed = 1) {
    KMeansOptions options;
    options.clusters = k;
    options.seed = seed;
    return options;
}

// Lloyd's iteration as the definition says it, in double arithmetic, for rows without ties or empty clusters.
struct PlainLloyd {
    std::vector<int> labels;
    double inertia = 0;
};
PlainLloyd plain_lloyd(const std::vector<float>& x, std::size_t d, std::vector<double> centres, int iterations) {
    const std::size_t n = x.size() / d, k = centres.size() / d;
    PlainLloyd result;
    for (int iteration = 0;; ++iteration) {
        result = {std::vector<int>(n), 0};
        for (std::size_t i = 0; i < n; ++i) {
            double best = std::numeric_limits<double>::infinity();
            for (std::size_t c = 0; c < k; ++c) {
                double distance = 0;
                for (std::size_t j = 0; j < d; ++j) distance += std::pow(x[i * d + j] - centres[c * d + j], 2);
                if (distance < best) best = distance, result.labels[i] = static_cast<int>(c);
            }
            result.inertia += best;
        }
        if (iteration == iterations) return result;
        std::vector<double> sums(k * d);
        std::vector<double> counts(k);
        for (std::size_t i = 0; i < n; ++i) {
            const auto c = static_cast<std::size_t>(result.labels[i]);
            counts[c] += 1;
            for (std::size_t j = 0; j < d; ++j) sums[c * d + j] += x[i * d + j];
        }
        for (std::size_t c = 0; c < k; ++c)
            for (std::size_t j = 0; j < d; ++j) centres[c * d + j] = static_cast<float>(sums[c * d + j] / counts[c]);
    }
}

TEST(KMeans, finds_the_two_sides_of_a_square) {
    const auto result = run_single(square, 2, given({0, 0, 1, 1}, 2));
    EXPECT_THAT(result.labels, ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(result.seconds, ElementsAre(1, 1, 0, 0));
    EXPECT_THAT(result.centroids, ElementsAre(.25f, 0, .75f, 1));
    EXPECT_EQ(result.inertia, 0.25);
    EXPECT_THAT(result.counts, ElementsAre(2, 2));
    EXPECT_TRUE(result.converged);
    for (const float distance : result.distances) EXPECT_EQ(distance, 0.0625f);
    const double far = std::sqrt(0.75 * 0.75 + 1);  // row 0 from (.75, 1)
    EXPECT_EQ(result.margins[0], static_cast<float>((far - 0.25) / far));
}

TEST(KMeans, an_empty_cluster_gets_the_farthest_row) {
    // All rows start in cluster 0; rows 0 and 3 are equally far, so row 0 moves.
    const auto result = run_single(square, 2, given({.5, .5, 3, 3}, 2));
    EXPECT_EQ(result.inertia, 0.25);
    EXPECT_EQ(result.refilled, 1);
    EXPECT_THAT(result.labels, ElementsAre(1, 1, 0, 0));
}

TEST(KMeans, inertia_does_not_cancel) {
    // With the expansion ||x||^2 - 2xc + ||c||^2 in float32 this comes out as 0.
    const std::vector<float> x = {-1.0001f, -.9999f, .9999f, 1.0001f};
    const auto result = run_single(x, 1, given({-1, 1}, 2));
    EXPECT_THAT(result.labels, ElementsAre(0, 0, 1, 1));
    EXPECT_NEAR(result.inertia, 4.0013e-08, 1e-12);
}

// Rows that lie far off, and close together there: each iteration's inertia is that of its distances.
TEST(KMeans, inertia_of_far_rows_does_not_cancel) {
    auto x = blobs(6, 70, 4, 3, 14);
    for (float& value : x) value = 10000 + value / 100;
    const auto result = run_single(x, 4, clusters(6));
    ASSERT_TRUE(result.converged);
    EXPECT_NEAR(result.inertias.back(), result.inertia, 1e-9 * result.inertia);
}

TEST(KMeans, equal_distances_go_to_the_lowest_cluster) {
    const std::vector<float> x = {0, 0, 2, 0, -2, 0};
    auto options = given({1, 0, -1, 0, 1, 0}, 3);  // row 0 is equally far from all, centroids 0 and 2 are one point
    options.iterations = 0;
    const auto result = run_single(x, 2, options);
    EXPECT_THAT(result.labels, ElementsAre(0, 0, 1));
    EXPECT_THAT(result.seconds, ElementsAre(1, 2, 0));
    EXPECT_THAT(result.margins, ElementsAre(0, 0, static_cast<float>(2.0 / 3)));
    EXPECT_THAT(result.counts, ElementsAre(2, 1, 0));
    EXPECT_EQ(result.iterations, 0);
}

TEST(KMeans, follows_plain_lloyd_step_by_step) {
    const auto x = blobs(7, 60, 11, 0.7, 5);  // overlapping: many rows change
    std::vector<double> start(x.begin(), x.begin() + 7 * 11);
    for (const int iterations : {0, 1, 2, 3, 7}) {
        auto options = given(std::vector<float>(x.begin(), x.begin() + 7 * 11), 7);
        options.iterations = iterations;
        const auto result = run_single(x, 11, options);
        const auto plain = plain_lloyd(x, 11, start, iterations);
        EXPECT_EQ(std::vector<int>(result.labels.begin(), result.labels.end()), plain.labels) << iterations;
        EXPECT_NEAR(result.inertia, plain.inertia, 1e-9 * plain.inertia);
        EXPECT_EQ(result.iterations, iterations);
    }
}

TEST(KMeans, inertia_never_rises_and_counts_add_up) {
    const auto x = blobs(5, 200, 6, 0.5, 8);
    for (const auto how : {Initialization::kmeans_parallel, Initialization::random}) {
        auto options = clusters(12);
        options.initialization = how;
        const auto result = run_single(x, 6, options);
        for (std::size_t i = 1; i < result.inertias.size(); ++i)
            EXPECT_LE(result.inertias[i], result.inertias[i - 1] * (1 + 1e-6));  // centroids are rounded to float32
        EXPECT_EQ(std::accumulate(result.counts.begin(), result.counts.end(), std::int64_t{0}), 1000);
        EXPECT_NEAR(result.inertia, result.inertias.back(), 1e-12 * result.inertia);
        EXPECT_EQ(result.changed.back(), 0);
        EXPECT_GT(result.iterations, 2);
    }
}

TEST(KMeans, a_fixed_point_stays_where_it_is) {
    const auto x = blobs(4, 100, 5, 1, 9);
    const auto first = run_single(x, 5, clusters(4));
    ASSERT_TRUE(first.converged);
    const auto again = run_single(x, 5, given(first.centroids, 4));
    EXPECT_EQ(again.centroids, first.centroids);
    EXPECT_EQ(again.labels, first.labels);
    EXPECT_EQ(again.iterations, 1);
}

TEST(KMeans, labels_are_the_argmin_to_the_returned_centroids_even_when_stopped_early) {
    const auto x = blobs(6, 100, 9, 0.4, 10);
    auto options = clusters(9);
    options.iterations = 2;
    const auto result = run_single(x, 9, options);
    EXPECT_FALSE(result.converged);
    for (std::size_t i = 0; i < result.labels.size(); ++i) {
        std::vector<double> distances;
        for (std::size_t c = 0; c < 9; ++c)
            distances.push_back(canonical_distance(x.data() + 9 * i, result.centroids.data() + 9 * c, 9));
        const auto best = std::ranges::min_element(distances) - distances.begin();
        EXPECT_EQ(result.labels[i], best);
        EXPECT_EQ(result.distances[i], static_cast<float>(distances[static_cast<std::size_t>(best)]));
        distances[static_cast<std::size_t>(best)] = std::numeric_limits<double>::infinity();
        EXPECT_EQ(result.seconds[i], std::ranges::min_element(distances) - distances.begin());
    }
}

TEST(KMeans, reaches_the_global_optimum_of_every_small_set) {
    std::mt19937 random(4);
    std::normal_distribution<float> normal;
    for (int set = 0; set < 20; ++set) {
        const int n = 6 + set % 5;
        const std::size_t k = 2 + static_cast<std::size_t>(set % 2);
        std::vector<float> x(static_cast<std::size_t>(2 * n));
        for (float& value : x) value = normal(random);
        // All ways to label n rows with k labels.
        double best = std::numeric_limits<double>::infinity();
        for (std::int64_t code = 0; code < static_cast<std::int64_t>(std::pow(k, n)); ++code) {
            std::vector<double> sum(3 * k);
            std::int64_t rest = code;
            std::vector<std::size_t> label(static_cast<std::size_t>(n));
            for (auto& l : label) {
                l = static_cast<std::size_t>(rest) % k;
                rest /= static_cast<std::int64_t>(k);
            }
            for (std::size_t i = 0; i < label.size(); ++i) {
                sum[3 * label[i]] += x[2 * i];
                sum[3 * label[i] + 1] += x[2 * i + 1];
                sum[3 * label[i] + 2] += 1;
            }
            double inertia = 0;
            for (std::size_t i = 0; i < label.size(); ++i)
                inertia += std::pow(x[2 * i] - sum[3 * label[i]] / sum[3 * label[i] + 2], 2) +
                           std::pow(x[2 * i + 1] - sum[3 * label[i] + 1] / sum[3 * label[i] + 2], 2);
            best = std::min(best, inertia);
        }
        auto options = clusters(static_cast<std::int64_t>(k), static_cast<std::uint64_t>(set));
        options.initialization = Initialization::random;  // of 35 to 252 starts
        options.restarts = 100;
        EXPECT_NEAR(run_single(x, 2, options).inertia, best, 1e-5 * best) << "set " << set;
    }
}

TEST(KMeans, surplus_clusters_stay_empty_when_rows_repeat) {
    std::vector<float> x;  // five distinct points, 20 rows each
    for (int i = 0; i < 100; ++i)
        x.insert(x.end(), {static_cast<float>(i % 5), static_cast<float>((i % 5) * (i % 5))});
    const auto result = run_single(x, 2, clusters(10));
    EXPECT_EQ(result.inertia, 0);
    EXPECT_EQ(std::ranges::count(result.counts, 0), 5);
    EXPECT_EQ(std::ranges::count(result.counts, 20), 5);
    EXPECT_TRUE(result.converged);
}

TEST(KMeans, as_many_clusters_as_rows_gives_each_row_its_own) {
    const auto x = blobs(1, 23, 3, 1, 11);
    for (const auto how : {Initialization::kmeans_parallel, Initialization::random}) {
        auto options = clusters(23);
        options.initialization = how;
        const auto result = run_single(x, 3, options);
        EXPECT_EQ(result.inertia, 0);
        EXPECT_EQ(result.counts, std::vector<std::int64_t>(23, 1));
    }
}

TEST(KMeans, zero_vectors_and_half_identical_rows_are_fine) {
    auto x = blobs(2, 50, 4, 1, 12);
    x.resize(2 * x.size(), 0.0f);
    const auto result = run_single(x, 4, clusters(5));
    EXPECT_EQ(std::ranges::count(result.counts, 0), 0);
    EXPECT_EQ(run_single(std::vector<float>(40, 0.0f), 4, clusters(3)).inertia, 0);
}

TEST(KMeans, one_cluster_is_the_mean_and_has_no_second) {
    const auto result = run_single(square, 2, clusters(1));
    EXPECT_THAT(result.centroids, ElementsAre(.5f, .5f));
    EXPECT_THAT(result.seconds, ElementsAre(-1, -1, -1, -1));
    EXPECT_THAT(result.margins, ElementsAre(1, 1, 1, 1));
}

TEST(KMeans, extreme_magnitudes_keep_their_order) {
    const std::vector<float> x = {3e38f, -3e38f, 3.1e38f, -3.1e38f, 1e-40f, -1e-40f};
    const auto result = run_single(x, 1, given({3e38f, -3e38f, 0}, 3));
    EXPECT_THAT(result.labels, ElementsAre(0, 1, 0, 1, 2, 2));
    const std::vector<float> tiny = {1e-40f, 2e-40f, 9e-40f, 8e-40f};
    EXPECT_THAT(run_single(tiny, 1, given({0, 9e-40f}, 2)).labels, ElementsAre(0, 0, 1, 1));
}

TEST(KMeans, the_best_restart_is_kept) {
    const auto x = blobs(15, 20, 2, 4, 13);
    auto options = clusters(15);
    options.initialization = Initialization::random;
    const double once = run_single(x, 2, options).inertia;
    options.restarts = 12;
    const auto result = run_single(x, 2, options);
    EXPECT_LT(result.inertia, once);
    EXPECT_GT(result.restart, 0);
}

// One row far out takes the digits of an inertia that is made from sums.
TEST(KMeans, the_best_restart_is_kept_beside_a_row_far_out) {
    auto x = blobs(30, 20, 2, 0.01, 14);
    x.insert(x.end(), {1e9f, 1e9f});
    auto options = clusters(31);
    options.initialization = Initialization::random;
    double best = std::numeric_limits<double>::infinity();
    for (options.restarts = 1; options.restarts <= 8; ++options.restarts) {
        const double inertia = run_single(x, 2, options).inertia;
        EXPECT_LE(inertia, best) << options.restarts;
        best = inertia;
    }
}

// One huge value makes all sums coarse: said once, however many parts and starts there are.
TEST(KMeans, a_value_that_takes_the_digits_of_the_others_is_told_of) {
    auto x = blobs(8, 40, 6, 3, 16);
    x[600] = 1e13f;
    auto options = clusters(5);
    options.initialization = Initialization::bisecting;
    options.restarts = 2;
    testing::internal::CaptureStderr();
    run_sharded(x, 6, options, 2, even_shards(320, 2));
    const auto told = testing::internal::GetCapturedStderr();
    EXPECT_THAT(told, testing::HasSubstr("1e+13 in row 100 "));
    EXPECT_EQ(std::ranges::count(told, '\n'), 1);
}

// What is asked for by name and is not what runs is said, once.
TEST(KMeans, a_kernel_that_has_nothing_to_do_is_told_of) {
    try {
        resolve_kernel(Kernel::amx);
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::environment);
        return;
    }
    const auto x = blobs(8, 40, 6, 3, 15);
    const auto notice = [&](Kernel kernel, PrefilterChoice prefilter, std::int64_t k) {
        auto options = clusters(k);
        options.kernel = kernel;
        options.prefilter = prefilter;
        options.initialization = Initialization::bisecting;
        options.restarts = 2;
        testing::internal::CaptureStderr();
        run_sharded(x, 6, options, 2, even_shards(320, 2));
        return testing::internal::GetCapturedStderr();
    };
    EXPECT_EQ(notice(Kernel::automatic, PrefilterChoice::off, 5), "");
    EXPECT_EQ(notice(Kernel::avx512, PrefilterChoice::off, 5), "");
    EXPECT_EQ(notice(Kernel::amx, PrefilterChoice::automatic, 40), "");
    EXPECT_EQ(notice(Kernel::amx, PrefilterChoice::int8, 5), "");
    for (const auto prefilter : {PrefilterChoice::off, PrefilterChoice::automatic}) {
        const auto told = notice(Kernel::amx, prefilter, 5);
        EXPECT_THAT(told, testing::HasSubstr("avx512 computes all distances"));
        EXPECT_THAT(told, testing::HasSubstr(prefilter == PrefilterChoice::off ? "is off" : "with 5 clusters"));
        EXPECT_EQ(std::ranges::count(told, '\n'), 1);
    }
}

class BadInput : public testing::TestWithParam<int> {};

void expect_refused(int ranks, std::vector<float> x, const KMeansOptions& options, base::ErrorKind kind,
                    const std::string& part) {
    const auto shards = even_shards(static_cast<std::int64_t>(x.size()) / 2, ranks);
    try {
        run_sharded(x, 2, options, ranks, shards);
        FAIL() << "not refused";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), kind);
        EXPECT_THAT(error.what(), testing::HasSubstr(part));
    }
}

TEST_P(BadInput, is_refused_by_name) {
    const int ranks = GetParam();
    std::vector<float> x(20, 1.0f);
    expect_refused(ranks, x, clusters(11), base::ErrorKind::usage, "only 10 rows");
    expect_refused(ranks, x, clusters(0), base::ErrorKind::usage, "clusters is 0");
    expect_refused(ranks, x, given({1, 2, 3}, 2), base::ErrorKind::usage, "need 4");
    expect_refused(ranks, x, given({1, 2, 3, NAN}, 2), base::ErrorKind::usage, "initial centroid 1");
    x[15] = std::numeric_limits<float>::infinity();
    x[18] = std::numeric_limits<float>::quiet_NaN();
    expect_refused(ranks, x, clusters(2), base::ErrorKind::input, "row 7 ");
}

INSTANTIATE_TEST_SUITE_P(Ranks, BadInput, testing::Values(1, 3));

}  // namespace
}  // namespace kohort::cluster

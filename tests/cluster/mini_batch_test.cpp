#include "cluster/mini_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sharded.h"

namespace kohort::cluster {
namespace {

KMeansOptions warmed_up(std::int64_t k, std::int64_t batches) {
    KMeansOptions options;
    options.clusters = k;
    options.seed = 6;
    options.initialization = Initialization::random;
    options.warm_up_batches = batches;
    options.iterations = 0;
    return options;
}

// With fewer rows than a batch has, every batch is all rows: the first is one Lloyd iteration, and those after it give
// means of what all of them said.
TEST(MiniBatch, one_batch_of_all_rows_is_an_iteration) {
    const auto values = blobs(6, 70, 7, 0.8, 81);
    auto once = warmed_up(6, 0);
    once.iterations = 1;
    const auto lloyd = run_single(values, 7, once), batch = run_single(values, 7, warmed_up(6, 1));
    for (std::size_t i = 0; i < lloyd.centroids.size(); ++i) EXPECT_NEAR(batch.centroids[i], lloyd.centroids[i], 1e-6);
    EXPECT_LT(run_single(values, 7, warmed_up(6, 8)).inertia, run_single(values, 7, warmed_up(6, 1)).inertia);
}

TEST(MiniBatch, small_batches_bring_the_centroids_near) {
    const auto values = blobs(8, 6000, 4, 1.5, 82);  // 48,000 rows: a batch is about a fifth of them
    const double cold = run_single(values, 4, warmed_up(8, 0)).inertia, warm = run_single(values, 4, warmed_up(8, 10)).inertia;
    auto all_the_way = warmed_up(8, 0);
    all_the_way.iterations = 100;
    const double best = run_single(values, 4, all_the_way).inertia;
    EXPECT_LT(warm - best, 0.4 * (cold - best));
}

TEST(MiniBatch, gives_the_same_bytes_at_any_ranks_weighted_and_streamed) {
    const auto values = blobs(5, 5000, 3, 1, 83);
    HowToRun how;
    for (int i = 0; i < 25'000; ++i) how.weights.push_back(static_cast<float>(i % 5));
    for (const auto metric : {Metric::euclidean, Metric::cosine}) {
        auto options = warmed_up(7, 3);
        options.restarts = 2;
        options.iterations = 3;
        options.metric = metric;
        const auto reference = run_single(values, 3, options, how);
        for (const int ranks : {2, 3, 5}) {
            how.streamed = ranks == 3;
            EXPECT_EQ(run_sharded(values, 3, options, ranks, wild_shards(25'000, ranks, 3), how), reference) << ranks;
        }
        how.streamed = false;
    }
}

TEST(MiniBatch, a_centroid_that_no_row_is_near_stays) {
    KMeansOptions options = warmed_up(2, 5);
    options.initialization = Initialization::given;
    options.initial_centroids = {0, 100};
    EXPECT_THAT(run_single({-1, 1, 2, -2}, 1, options).centroids, testing::ElementsAre(0, 100));
}

}  // namespace
}  // namespace kohort::cluster

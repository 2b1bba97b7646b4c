#include "cluster/divisive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "sharded.h"

namespace kohort::cluster {
namespace {

using testing::ElementsAre;

TEST(ShareOut, gives_by_votes_one_at_least_and_no_more_than_votes) {
    EXPECT_THAT(share_out({100, 50, 50}, 4), ElementsAre(2, 1, 1));
    EXPECT_THAT(share_out({100, 0, 1}, 11), ElementsAre(10, 0, 1));
    EXPECT_THAT(share_out({3, 3, 3}, 4), ElementsAre(2, 1, 1));
    EXPECT_THAT(share_out({2, 1}, 9), ElementsAre(2, 1));
    EXPECT_THAT(share_out({1000000, 1}, 2), ElementsAre(1, 1));
}

KMeansOptions divided(Initialization how, std::int64_t k) {
    KMeansOptions options;
    options.clusters = k;
    options.initialization = how;
    options.seed = 4;
    return options;
}

TEST(Divisive, finds_clouds_that_lie_apart) {
    const auto values = blobs(16, 40, 5, 20, 71);
    for (const auto how : {Initialization::hierarchical, Initialization::bisecting}) {
        const auto result = run_single(values, 5, divided(how, 16));
        EXPECT_THAT(result.counts, testing::Each(testing::Gt(0)));
        // Each cloud within one cluster or two, and the whole about as tight as a run that is given the clouds' rows.
        auto given = divided(Initialization::given, 16);
        given.initial_centroids.assign(values.begin(), values.begin() + 16 * 5);
        EXPECT_LE(result.inertia, 3 * run_single(values, 5, given).inertia);
    }
}

TEST(Divisive, bisecting_splits_the_cluster_with_the_largest_inertia) {
    // Two clouds, one ten times as wide: the first split parts them, the second goes through the wide one.
    std::vector<float> values;
    for (int i = -10; i <= 10; ++i) values.insert(values.end(), {static_cast<float>(i) / 10, 1000 + static_cast<float>(i)});
    auto options = divided(Initialization::bisecting, 3);
    options.iterations = 0;
    const auto result = run_single(values, 1, options);
    int wide = 0;
    for (const float centroid : result.centroids) wide += centroid > 900;
    EXPECT_EQ(wide, 2);
}

TEST(Divisive, the_same_bytes_at_any_ranks_and_threads) {
    const auto values = blobs(9, 50, 4, 2, 72);
    for (const auto how : {Initialization::hierarchical, Initialization::bisecting})
        for (const std::int64_t k : {1, 2, 30}) {
            auto options = divided(how, k);
            options.restarts = 2;
            const auto reference = run_single(values, 4, options);
            for (const int ranks : {2, 3, 5}) {
                options.threads = ranks == 2 ? 2 : 1;
                EXPECT_EQ(run_sharded(values, 4, options, ranks, wild_shards(450, ranks, 3), {.streamed = ranks == 5}),
                          reference)
                    << k;
            }
        }
}

TEST(Divisive, more_clusters_than_distinct_rows_leave_some_empty) {
    std::vector<float> values;
    for (int i = 0; i < 60; ++i) values.push_back(static_cast<float>(i % 4));
    for (const auto how : {Initialization::hierarchical, Initialization::bisecting}) {
        const auto result = run_single(values, 1, divided(how, 10));
        EXPECT_EQ(result.inertia, 0);
        EXPECT_EQ(std::accumulate(result.counts.begin(), result.counts.end(), std::int64_t{0}), 60);
    }
}

TEST(Divisive, another_restart_starts_elsewhere) {
    const auto values = blobs(3, 100, 4, 0.2, 73);
    for (const auto how : {Initialization::hierarchical, Initialization::bisecting}) {
        auto options = divided(how, 12);
        options.iterations = 0;
        options.restarts = 4;
        const auto result = run_single(values, 4, options);
        EXPECT_EQ(std::set<double>(result.inertias.begin(), result.inertias.end()).size(), 4u);
    }
}

// Squared distances that no float holds are told apart.
TEST(Divisive, bisecting_splits_the_wide_cluster_at_any_magnitude) {
    std::vector<float> values;
    for (int i = -10; i <= 10; ++i)
        for (const float value : {static_cast<float>(i) / 10, 1000 + static_cast<float>(i)}) values.push_back(value * 1e22f);
    auto options = divided(Initialization::bisecting, 3);
    options.iterations = 0;
    int wide = 0;
    for (const float centroid : run_single(values, 1, options).centroids) wide += centroid > 900e22f;
    EXPECT_EQ(wide, 2);
}

}  // namespace
}  // namespace kohort::cluster

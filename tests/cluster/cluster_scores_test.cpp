#include "cluster/cluster_scores.h"

#include <gtest/gtest.h>

#include "cluster/canonical_distance.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

constexpr std::int64_t n = 60, d = 3, k = 6;

// Rows, labels and centroids that look random. Cluster 4 is empty, cluster 5 has one row.
std::vector<float> some_rows() {
    std::vector<float> rows;
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < d; ++j) rows.push_back(static_cast<float>((i * i * 7 + j * 13 * i + j * j * 5) % 101 - 50) / 16);
    return rows;
}

std::vector<float> some_centroids() {
    std::vector<float> centroids;
    for (int c = 0; c < k; ++c)
        for (int j = 0; j < d; ++j) centroids.push_back(static_cast<float>((c * 29 + j * 17) % 41 - 20) / 8);
    return centroids;
}

std::vector<std::int32_t> some_labels() {
    std::vector<std::int32_t> labels;
    for (int i = 0; i < n; ++i) labels.push_back(i == 17 ? 5 : (i * i + i / 3) % 4);
    return labels;
}

// The nearest and the second centroid of a row by trying all.
std::pair<std::int32_t, std::int32_t> nearest_two(const float* row, const std::vector<float>& centroids) {
    std::vector<std::pair<double, std::int32_t>> order;
    for (std::int64_t c = 0; c < static_cast<std::int64_t>(centroids.size()) / d; ++c)
        order.emplace_back(canonical_distance(row, centroids.data() + c * d, d), static_cast<std::int32_t>(c));
    std::ranges::sort(order);
    return {order[0].second, order[1].second};
}

struct Division {
    std::vector<float> rows, centroids;
    std::vector<std::int32_t> labels, seconds;
};

Division by_labels() { return {some_rows(), some_centroids(), some_labels(), std::vector<std::int32_t>(n, -1)}; }

Division by_nearest() {
    Division division{some_rows(), some_centroids(), {}, {}};
    std::fill_n(division.rows.begin() + 17 * d, d, 90.0f);
    std::fill_n(division.centroids.begin() + 5 * d, d, 100.0f);
    for (std::int64_t i = 0; i < n; ++i) {
        const auto [first, second] = nearest_two(division.rows.data() + i * d, division.centroids);
        division.labels.push_back(first);
        division.seconds.push_back(second);
    }
    return division;
}

ClusterScores scores_of(const Division& division, int ranks, const std::vector<Shard>& shards) {
    ClusterScores scores;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        KMeansResult result;
        result.centroids = division.centroids;
        result.assignment.counts.resize(division.centroids.size() / d);
        for (const auto label : division.labels) ++result.assignment.counts[static_cast<std::size_t>(label)];
        std::vector<float> rows;
        for (const auto& shard : shards) {
            if (shard.rank != comm.rank()) continue;
            for (std::int64_t i = shard.first; i < shard.first + shard.count; ++i) {
                rows.insert(rows.end(), division.rows.begin() + i * d, division.rows.begin() + (i + 1) * d);
                result.assignment.labels.push_back(division.labels[static_cast<std::size_t>(i)]);
                result.assignment.seconds.push_back(division.seconds[static_cast<std::size_t>(i)]);
            }
        }
        const auto mine = score_clusters(comm, rows, d, result);
        std::lock_guard lock(mutex);
        if (comm.rank() == ranks - 1) scores = mine;
    });
    return scores;
}

ClusterScores scores_of(const Division& division) {
    return scores_of(division, 1, even_shards(static_cast<std::int64_t>(division.labels.size()), 1));
}

// The constants are printed by tools/oracles/cluster_scores.py (scikit-learn).
TEST(ClusterScores, davies_bouldin_and_calinski_harabasz_agree_with_scikit_learn) {
    const auto scores = scores_of(by_labels());
    EXPECT_NEAR(*scores.davies_bouldin, 7.1970183131303544, 1e-13);
    EXPECT_NEAR(*scores.calinski_harabasz, 0.7739730714728296, 1e-13);
}

TEST(ClusterScores, the_silhouette_counts_a_row_alone_as_nothing) {
    EXPECT_NEAR(scores_of(by_nearest()).silhouette, 0.29673487651288855, 1e-14);
}

TEST(ClusterScores, are_the_same_bits_for_any_ranks_and_shards) {
    for (const auto& division : {by_labels(), by_nearest()}) {
        const auto expected = scores_of(division);
        for (const int ranks : {2, 3, 5})
            for (const auto& shards : {even_shards(n, ranks), wild_shards(n, ranks, 3), wild_shards(n, ranks, 8)}) {
                const auto scores = scores_of(division, ranks, shards);
                EXPECT_EQ(scores.silhouette, expected.silhouette);
                EXPECT_EQ(scores.davies_bouldin, expected.davies_bouldin);
                EXPECT_EQ(scores.calinski_harabasz, expected.calinski_harabasz);
            }
    }
}

TEST(ClusterScores, of_one_cluster_there_is_only_a_silhouette_of_zero) {
    const auto scores = scores_of({some_rows(), {0, 0, 0}, std::vector<std::int32_t>(n), std::vector<std::int32_t>(n, -1)});
    EXPECT_EQ(scores.silhouette, 0);
    EXPECT_FALSE(scores.davies_bouldin);
    EXPECT_FALSE(scores.calinski_harabasz);
}

TEST(ClusterScores, as_many_clusters_as_rows_are_not_perfect) {
    const auto scores = scores_of({{0, 0, 0, 1, 1, 1, 5, 5, 5}, {0, 0, 0, 1, 1, 1, 5, 5, 5}, {0, 1, 2}, {1, 0, 1}});
    EXPECT_EQ(scores.silhouette, 0);
    EXPECT_EQ(scores.davies_bouldin, 0);
    EXPECT_FALSE(scores.calinski_harabasz);
}

TEST(ClusterScores, equal_rows_score_zero) {
    const std::vector<float> rows(4 * d, 0.3f), centroids(2 * d, 0.3f);
    const auto scores = scores_of({rows, centroids, {0, 0, 1, 1}, {1, 1, 0, 0}});
    EXPECT_EQ(scores.silhouette, 0);
    EXPECT_EQ(scores.davies_bouldin, 0);
    EXPECT_FALSE(scores.calinski_harabasz);
}

}  // namespace
}  // namespace kohort::cluster

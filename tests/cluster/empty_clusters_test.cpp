#include "cluster/empty_clusters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "parallel/thread_communicator.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

struct Setting {
    std::vector<float> rows;  // one dimension
    std::vector<float> centroids;
    std::vector<std::int32_t> labels;
    double resolution = 0;
    Metric metric = Metric::euclidean;
};

using Step = std::tuple<std::int64_t, int, int>;  // row, from, to

std::vector<Step> refill(const Setting& setting, int ranks, unsigned shuffle) {
    std::vector<std::int64_t> counts(setting.centroids.size());
    for (const auto label : setting.labels) ++counts[static_cast<std::size_t>(label)];
    const auto n = static_cast<std::int64_t>(setting.rows.size());
    const auto shards = shuffle ? wild_shards(n, ranks, shuffle) : even_shards(n, ranks);
    std::vector<Step> steps;
    std::vector<std::int64_t> owners(setting.rows.size());
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        std::vector<RowBlock> blocks;
        std::vector<std::int32_t> labels;
        std::vector<std::int64_t> ids;
        for (const auto& shard : shards) {
            if (shard.rank != comm.rank()) continue;
            blocks.push_back(
                {std::span(setting.rows).subspan(static_cast<std::size_t>(shard.first), static_cast<std::size_t>(shard.count)),
                 shard.first,
                 {}});
            for (std::int64_t i = shard.first; i < shard.first + shard.count; ++i) {
                labels.push_back(setting.labels[static_cast<std::size_t>(i)]);
                ids.push_back(i);
            }
        }
        const RowSet rows(comm, blocks, 1, 1);
        const auto moves = refill_empty_clusters(comm, rows, setting.centroids, labels, counts, setting.metric,
                                                 {setting.resolution, 0});
        std::lock_guard lock(mutex);
        for (const auto& move : moves) {
            if (comm.rank() == 0) steps.emplace_back(move.row, move.from, move.to);
            if (move.local < 0) continue;
            EXPECT_EQ(ids[static_cast<std::size_t>(move.local)], move.row);
            ++owners[static_cast<std::size_t>(move.row)];
        }
    });
    for (const auto& step : steps) EXPECT_EQ(owners[static_cast<std::size_t>(std::get<0>(step))], 1) << "one owner a row";
    return steps;
}

void expect_moves(const Setting& setting, const std::vector<Step>& expected) {
    for (const int ranks : {1, 2, 3, 5})
        for (const unsigned shuffle : {0u, 1u, 2u}) EXPECT_EQ(refill(setting, ranks, shuffle), expected) << ranks << " ranks";
}

TEST(EmptyClusters, the_farthest_rows_move_ties_to_the_lowest_id) {
    // Distances from centroid 1 (at 0): 9, 1, 9, 25, 4, 9. Clusters 0, 2 and 3 are empty.
    expect_moves({{3, 1, -3, 5, 2, 3.0000f}, {100, 0, 100, 100}, {1, 1, 1, 1, 1, 1}}, {{3, 1, 0}, {0, 1, 2}, {2, 1, 3}});
}

TEST(EmptyClusters, equal_rows_move_once) {
    expect_moves({{7, 7, 7, 6, 1}, {0, 50, 50}, {0, 0, 0, 0, 0}}, {{0, 0, 1}, {3, 0, 2}});
}

TEST(EmptyClusters, the_last_row_of_a_cluster_stays) {
    // Row 0 is farthest of all, but alone in its cluster.
    expect_moves({{30, 1, 2, 3}, {50, 0, 99}, {0, 1, 1, 1}}, {{3, 1, 2}});
    // Of a cluster of two only one may leave, although both are far.
    expect_moves({{10, 11, 1, 2}, {0, 1.5f, 99, 99}, {0, 0, 1, 1}}, {{1, 0, 2}, {2, 1, 3}});
}

TEST(EmptyClusters, rows_at_their_centroid_do_not_move) {
    expect_moves({{1, 1, 1, 4, 4}, {1, 4, 9}, {0, 0, 0, 1, 1}}, {});
    expect_moves({{1, 1, 1.5f, 4, 4}, {1, 4, 9, 9}, {0, 0, 0, 1, 1}}, {{2, 0, 2}});
    expect_moves({{1, 1, 1.5f, 4, 4}, {1, 4, 9, 9}, {0, 0, 0, 1, 1}, 0.25}, {});
}

TEST(EmptyClusters, rows_without_a_direction_do_not_move_by_cosine) {
    const Setting setting{{1, 1, 0, -0.0f, .9f}, {1, -1, -1}, {0, 0, 0, 0, 0}};
    expect_moves(setting, {{2, 0, 1}, {4, 0, 2}});
    auto by_cosine = setting;
    by_cosine.metric = Metric::cosine;
    expect_moves(by_cosine, {{4, 0, 1}});
}

TEST(EmptyClusters, nothing_happens_without_empty_clusters) { expect_moves({{1, 2, 9}, {1, 2}, {0, 1, 1}}, {}); }

TEST(EmptyClusters, thousands_of_equal_rows_do_not_hide_the_next) {
    Setting setting{std::vector<float>(30000, 8.0f), {0, 50, 50, 50}, std::vector<std::int32_t>(30000, 0)};
    setting.rows[12345] = 7;
    setting.rows[29999] = 6;
    EXPECT_EQ(refill(setting, 3, 1), (std::vector<Step>{{0, 0, 1}, {12345, 0, 2}, {29999, 0, 3}}));
}

}  // namespace
}  // namespace kohort::cluster

#include "cluster/choose_clusters.h"

#include <gmock/gmock.h>

#include "sharded.h"

namespace kohort::cluster {
namespace {

constexpr std::int64_t d = 8;

ClusterChoice choose(const std::vector<float>& values, const ChoiceOptions& options, int ranks,
                     const std::vector<Shard>& shards) {
    ClusterChoice choice;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        std::vector<RowBlock> blocks;
        for (const auto& shard : shards) {
            const auto first = static_cast<std::size_t>(d * shard.first), count = static_cast<std::size_t>(d * shard.count);
            if (shard.rank == comm.rank()) blocks.push_back({std::span(values).subspan(first, count), shard.first, {}});
        }
        auto chosen = choose_clusters(comm, RowSet(comm, blocks, d, 1), options);
        std::lock_guard lock(mutex);
        if (comm.rank() == ranks - 1) choice = std::move(chosen);
    });
    return choice;
}

ClusterChoice choose(const std::vector<float>& values, const ChoiceOptions& options) {
    return choose(values, options, 1, even_shards(static_cast<std::int64_t>(values.size()) / d, 1));
}

// All that a choice says, for comparison.
std::vector<std::optional<double>> figures(const ClusterChoice& choice) {
    std::vector<std::optional<double>> all = {static_cast<double>(choice.picked), static_cast<double>(choice.rows)};
    for (const auto& c : choice.candidates)
        all.insert(all.end(), {static_cast<double>(c.clusters), c.inertia, c.scores.silhouette, c.scores.davies_bouldin,
                               c.scores.calinski_harabasz, c.stability});
    return all;
}

TEST(ChooseClusters, finds_the_planted_number) {
    for (const int groups : {3, 6}) {
        const auto values = blobs(groups, 300 / groups, d, 8, 31);
        for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
            EXPECT_EQ(choose(values, {{}, seed, 1}).clusters(), groups) << "auto, seed " << seed;
            EXPECT_EQ(choose(values, {{2, 3, 4, 6, 9, 12}, seed, 1}).clusters(), groups) << "of a list, seed " << seed;
        }
    }
}

TEST(ChooseClusters, tries_two_to_the_root_of_half_the_rows) {
    const auto choice = choose(blobs(4, 50, d, 8, 32), {});
    ASSERT_EQ(choice.candidates.size(), 9u);
    EXPECT_EQ(choice.candidates.front().clusters, 2);
    EXPECT_EQ(choice.candidates.back().clusters, 10);
    EXPECT_EQ(choose(blobs(1, 8, d, 8, 32), {}).candidates.size(), 1u);
}

TEST(ChooseClusters, the_same_bits_at_any_ranks_threads_and_shards) {
    const auto values = blobs(5, 60, d, 0.7, 33);  // groups that overlap
    for (const std::vector<std::int64_t>& numbers : {std::vector<std::int64_t>{}, {1, 4, 7, 40}}) {
        const auto one = choose(values, {numbers, 1, 1});
        for (const int ranks : {2, 3, 5})
            for (const int threads : {1, 2})
                for (const auto& shards : {even_shards(300, ranks), wild_shards(300, ranks, 5)}) {
                    const auto other = choose(values, {numbers, 1, threads}, ranks, shards);
                    EXPECT_EQ(figures(other), figures(one));
                    EXPECT_EQ(other.reason, one.reason);
                }
    }
}

// By k-means runs of the test's own: what each figure is said to be.
TEST(ChooseClusters, figures_are_of_the_best_of_three_seeds) {
    const auto values = blobs(5, 60, d, 0.5, 34);
    const auto choice = choose(values, {{9}, 3, 1});
    std::vector<WholeResult> runs;
    for (const std::uint64_t seed : {3, 4, 5}) {
        KMeansOptions options;
        options.clusters = 9;
        options.iterations = 30;
        options.restarts = 2;
        options.seed = seed;
        runs.push_back(run_single(values, d, options));
    }
    const auto& best = *std::ranges::min_element(runs, {}, &WholeResult::inertia);
    EXPECT_EQ(choice.candidates[0].inertia, best.inertia);
    EXPECT_NEAR(choice.candidates[0].scores.silhouette, best.mean_margin, 1e-6) << "no row is alone in its cluster";
    EXPECT_LT(choice.candidates[0].stability, 1);
    EXPECT_GT(choice.candidates[0].stability, 0);
}

TEST(ChooseClusters, more_rows_than_the_sample_holds) {
    const auto values = blobs(4, 5100, d, 8, 35);
    const auto choice = choose(values, {{3, 4, 5}, 1, 2});
    EXPECT_EQ(choice.rows, most_compared_rows);
    EXPECT_EQ(choice.of, 20'400);
    EXPECT_EQ(choice.clusters(), 4);
    EXPECT_THAT(choice.reason, testing::HasSubstr("20,000 of 20,400 rows"));
    EXPECT_EQ(figures(choose(values, {{3, 4, 5}, 1, 1}, 3, wild_shards(20'400, 3, 6))), figures(choice));
}

TEST(ChooseClusters, a_handful_of_rows_is_one_group) {
    const auto choice = choose(blobs(1, 5, d, 1, 36), {}, 2, even_shards(5, 2));
    EXPECT_EQ(choice.clusters(), 1);
    EXPECT_THAT(choice.reason, testing::HasSubstr("too few"));
}

TEST(ChooseClusters, equal_rows_are_one_group_where_one_may_be_picked) {
    EXPECT_EQ(choose(std::vector<float>(40 * d, 1.5f), {{1, 2, 5}, 1, 1}).clusters(), 1);
}

ClusterCandidate candidate(std::int64_t clusters, double silhouette, double stability) {
    ClusterCandidate made;
    made.clusters = clusters;
    made.scores.silhouette = silhouette;
    made.stability = stability;
    return made;
}

std::int64_t pick(const std::vector<ClusterCandidate>& candidates) { return candidates[pick_candidate(candidates)].clusters; }

TEST(PickCandidate, the_highest_silhouette_wins_and_ties_go_to_the_fewer) {
    EXPECT_EQ(pick({candidate(2, 0.3, 1), candidate(3, 0.5, 1), candidate(4, 0.4, 1)}), 3);
    EXPECT_EQ(pick({candidate(2, 0.3, 1), candidate(3, 0.5, 1), candidate(4, 0.5, 1)}), 3);
}

TEST(PickCandidate, what_other_seeds_do_not_find_again_is_out) {
    EXPECT_EQ(pick({candidate(2, 0.3, 0.9), candidate(3, 0.5, 0.69), candidate(4, 0.4, 0.71)}), 4);
    EXPECT_EQ(pick({candidate(2, 0.3, 0.9), candidate(3, 0.5, 0.7)}), 3) << "at the bound is within it";
    EXPECT_EQ(pick({candidate(2, 0.3, 0.4), candidate(3, 0.5, 0.3)}), 3) << "where none is stable, the best sets the bar";
}

TEST(PickCandidate, one_cluster_sets_no_bar_and_wins_only_where_nothing_separates) {
    EXPECT_EQ(pick({candidate(1, 0, 1), candidate(2, 0.3, 0.5)}), 2);
    EXPECT_EQ(pick({candidate(1, 0, 1), candidate(2, 0, 0.5)}), 1);
    EXPECT_EQ(pick({candidate(1, 0, 1)}), 1);
}

}  // namespace
}  // namespace kohort::cluster

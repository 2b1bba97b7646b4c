#include "cluster/choose_clusters.h"

#include <gtest/gtest.h>

#include <mutex>

#include "base/philox.h"
#include "parallel/thread_communicator.h"

namespace kohort::cluster {
namespace {

// `groups` round clouds far apart in eight dimensions.
std::vector<float> clouds(std::int64_t rows, std::int64_t groups) {
    const base::Philox random(11, base::RandomPurpose::sampling);
    std::vector<float> values;
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < 8; ++j)
            values.push_back(static_cast<float>(10 * random.normal(static_cast<std::uint64_t>(1'000'000 + i % groups), static_cast<std::uint64_t>(j)) +
                                                0.5 * random.normal(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(j))));
    return values;
}

ClusterChoice choose(int ranks, const std::vector<float>& values) {
    ClusterChoice choice;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        // Rank 0 has nothing where there are several.
        const auto rows = static_cast<std::int64_t>(values.size() / 8);
        const auto owners = std::max(1, ranks - 1), mine = ranks == 1 ? 0 : comm.rank() - 1;
        std::vector<RowBlock> blocks;
        if (mine >= 0) {
            const auto first = rows * mine / owners, last = rows * (mine + 1) / owners;
            blocks.push_back({std::span(values).subspan(static_cast<std::size_t>(8 * first), static_cast<std::size_t>(8 * (last - first))), first});
        }
        auto chosen = choose_clusters(comm, blocks, 8, 1, 1);
        std::lock_guard lock(mutex);
        if (comm.rank() == 0) choice = std::move(chosen);
    });
    return choice;
}

TEST(ChooseClusters, finds_the_number_of_clear_groups) {
    for (const std::int64_t groups : {3, 6}) EXPECT_EQ(choose(1, clouds(300, groups)).clusters, groups);
}

TEST(ChooseClusters, chooses_alike_at_any_number_of_ranks) {
    const auto values = clouds(200, 4);
    const auto one = choose(1, values);
    for (const int ranks : {2, 3, 5}) {
        const auto other = choose(ranks, values);
        EXPECT_EQ(other.clusters, one.clusters);
        ASSERT_EQ(other.candidates.size(), one.candidates.size());
        for (std::size_t i = 0; i < one.candidates.size(); ++i) EXPECT_EQ(other.candidates[i].score, one.candidates[i].score);
    }
}

TEST(ChooseClusters, a_handful_of_rows_is_one_group) { EXPECT_EQ(choose(2, clouds(5, 2)).clusters, 1); }

}  // namespace
}  // namespace kohort::cluster

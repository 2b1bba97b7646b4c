// A run goes on from any iteration, at another number of ranks, as if it had never stopped.
#include "cluster/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

class Checkpoint : public testing::Test {
  protected:
    ~Checkpoint() override { std::filesystem::remove_all(folder_); }

    std::optional<KMeansState> read(const std::string& key, int ranks = 1) {
        std::optional<KMeansState> state;
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
            auto found = read_checkpoint(comm, file_, key);
            if (comm.rank() == ranks - 1) state = std::move(found);
        });
        return state;
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("kohort-checkpoint-test-" + std::to_string(::getpid()));
    std::filesystem::path file_ = folder_ / "checkpoint/kmeans.checkpoint";
};

// What a run reports and returns does not tell whether it was interrupted.
TEST_F(Checkpoint, any_iteration_of_any_restart_leads_to_the_same_bytes_on_other_ranks) {
    const auto values = blobs(6, 70, 7, 0.8, 22);
    KMeansOptions options;
    options.clusters = 6;
    options.seed = 3;
    options.initialization = Initialization::random;
    options.restarts = 3;
    std::vector<KMeansState> states;
    const auto reference = run_sharded(values, 7, options, 2, even_shards(420, 2),
                                       {.each_iteration = [&](const IterationStatistics&, const auto& state) {
                                           static std::mutex mutex;
                                           std::lock_guard lock(mutex);
                                           states.push_back(state());  // both ranks' are the same, and next to each other
                                       }});
    ASSERT_GT(states.size(), 20u);
    for (std::size_t i = 0; i < states.size(); i += 2) {
        write_checkpoint(file_, states[i], "key");
        auto with = options;
        with.from = read("key", 3);
        ASSERT_TRUE(with.from);
        const auto went_on = run_sharded(values, 7, with, 3, wild_shards(420, 3, static_cast<unsigned>(i)));
        EXPECT_EQ(went_on.centroids, reference.centroids) << i;
        EXPECT_EQ(went_on.labels, reference.labels);
        EXPECT_EQ(went_on.distances, reference.distances);
        EXPECT_EQ(went_on.inertia, reference.inertia);
        EXPECT_EQ(went_on.iterations, reference.iterations);
        EXPECT_EQ(went_on.restart, reference.restart);
        EXPECT_EQ(went_on.converged, reference.converged);
        // What is still reported is the end of what the whole run has reported.
        ASSERT_LE(went_on.changed.size(), reference.changed.size());
        EXPECT_TRUE(std::equal(went_on.changed.rbegin(), went_on.changed.rend(), reference.changed.rbegin()));
        EXPECT_TRUE(std::equal(went_on.inertias.rbegin(), went_on.inertias.rend(), reference.inertias.rbegin()));
    }
}

TEST_F(Checkpoint, nothing_is_there_at_first_and_a_damaged_file_counts_as_nothing) {
    EXPECT_FALSE(read("key", 2));
    KMeansState state;
    state.centroids = {1, 2, 3};
    write_checkpoint(file_, state, "key");
    ASSERT_TRUE(read("key"));
    EXPECT_EQ(read("key", 2)->centroids, state.centroids);
    auto bytes = base::read_file(file_);
    for (const std::size_t place : {std::size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
        auto damaged = bytes;
        damaged[place] ^= 1;
        std::ofstream(file_) << damaged;
        EXPECT_FALSE(read("key", 2)) << place;
    }
    std::ofstream(file_) << bytes.substr(0, bytes.size() - 10);
    EXPECT_FALSE(read("key"));
}

TEST_F(Checkpoint, another_runs_state_is_refused) {
    write_checkpoint(file_, {}, "one");
    try {
        read("other");
        FAIL();
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.what(), testing::HasSubstr("another configuration"));
    }
}

}  // namespace
}  // namespace kohort::cluster

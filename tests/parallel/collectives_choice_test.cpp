#include "parallel/collectives_choice.h"

#include <gtest/gtest.h>

#include "parallel/thread_communicator.h"

namespace kohort::parallel {
namespace {

int refusal(Collectives wish, const CollectivesFacts& facts) {
    try {
        choose_collectives(wish, facts);
        return 0;
    } catch (const base::Error& error) {
        return error.exit_code();
    }
}

constexpr auto automatic = Collectives::automatic, nccl = Collectives::nccl, mpi = Collectives::mpi;

TEST(CollectivesChoice, names_are_the_option_s) {
    EXPECT_EQ(parse_collectives("auto"), automatic);
    EXPECT_EQ(parse_collectives("nccl"), nccl);
    EXPECT_EQ(parse_collectives("mpi"), mpi);
    EXPECT_THROW(parse_collectives("NCCL"), base::Error);
}

TEST(CollectivesChoice, nccl_where_every_rank_has_a_gpu) {
    EXPECT_EQ(choose_collectives(automatic, {true, true, {2, 2}, {2, 4}}), nccl);
    EXPECT_EQ(choose_collectives(mpi, {true, true, {2, 2}, {2, 4}}), mpi);
    EXPECT_EQ(choose_collectives(automatic, {true, true, {1}, {1}}), mpi);  // nothing to reduce
    EXPECT_EQ(choose_collectives(nccl, {true, true, {1}, {1}}), nccl);
}

TEST(CollectivesChoice, ranks_that_share_a_gpu_go_through_the_host) {
    EXPECT_EQ(choose_collectives(automatic, {true, true, {2, 3}, {2, 2}}), mpi);
    EXPECT_EQ(refusal(nccl, {true, true, {2, 3}, {2, 2}}), 4);
}

TEST(CollectivesChoice, the_cpu_and_a_build_without_nccl_use_mpi) {
    EXPECT_EQ(choose_collectives(automatic, {false, true, {4}, {4}}), mpi);
    EXPECT_EQ(refusal(nccl, {false, true, {4}, {4}}), 2);
    EXPECT_EQ(choose_collectives(automatic, {true, false, {4}, {4}}), mpi);
    EXPECT_EQ(refusal(nccl, {true, false, {4}, {4}}), 4);
}

TEST(CollectivesChoice, the_poorest_rank_of_a_node_speaks_for_it) {
    run_thread_ranks(3, [](Communicator& comm) {
        EXPECT_EQ(gather_gpus_per_node(comm, 4 - comm.rank()), std::vector<int>{2});
    });
}

}  // namespace
}  // namespace kohort::parallel

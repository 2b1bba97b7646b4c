// The checks of every Communicator, between processes.
#include <gtest/gtest.h>

#include <cstdlib>

#include "../parallel/collective_checks.h"
#include "mpi_world.h"
#include "parallel/mpi_communicator.h"

namespace kohort::parallel {
namespace {

TEST(Mpi, the_launcher_has_started_the_ranks_that_the_test_asked_for) {
    const char* expected = std::getenv("KOHORT_TEST_RANKS");
    ASSERT_NE(expected, nullptr);
    EXPECT_EQ(world().size(), std::atoi(expected));
    EXPECT_TRUE(session().uses_mpi());
}

TEST(Mpi, every_collective_gives_what_its_definition_says) {
    for (const std::int64_t count : {0, 1, 7, 1000, 20000}) check_every_collective(world(), count);
}

// The limit of a transfer at 40 bytes: every operation is cut, at places that differ between types, and the longest
// one of each kind has more bytes than the limit, more than the limit a rank, and a last piece that is short.
TEST(Mpi, long_transfers_are_cut_without_a_trace) {
    for (const std::int64_t limit : {1, 40, 1000}) {
        const auto cut = make_mpi_communicator(session(), {.largest_transfer = limit});
        for (const std::int64_t count : {0, 1, 7, 129}) check_every_collective(*cut, count);
        check_operations_in_flight(*cut);
    }
}

TEST(Mpi, operations_in_flight_do_not_mix) { check_operations_in_flight(world()); }

TEST(Mpi, siblings_have_an_order_of_their_own) {
    for (int i = 0; i < 5; ++i) check_siblings(world());
}

TEST(Mpi, queues_hand_out_each_partition_once) {
    for (int i = 0; i < 5; ++i) check_queues(world());
}

TEST(Mpi, threads_of_a_rank_claim_side_by_side) { check_threads_that_claim(world()); }

TEST(Mpi, claims_are_answered_while_rank_0_computes) {
    const auto counter = world().make_ticket_counter();
    std::int64_t claimed = 0;
    if (!world().is_root())
        for (int i = 0; i < 100; ++i) claimed = std::max(claimed, counter->next());
    // Rank 0 has not called anything yet; the others have had all their answers before they come here.
    EXPECT_EQ(all_max(world(), claimed), world().size() == 1 ? 0 : 100 * (world().size() - 1) - 1);
}

TEST(Mpi, faulty_calls_are_refused) { check_refusals(world()); }

TEST(Mpi, ranks_of_this_machine_share_one_node) {
    const auto& topology = world().topology();
    EXPECT_EQ(topology.nodes, 1);
    EXPECT_EQ(topology.node, 0);
    EXPECT_EQ(topology.local_rank, world().rank());
    EXPECT_EQ(topology.local_size, world().size());
    EXPECT_EQ(topology.ranks_per_node, std::vector<int>{world().size()});
    EXPECT_EQ(topology.device, -1);
    const auto with_gpus = make_mpi_communicator(session(), {.gpus = 2});
    EXPECT_EQ(with_gpus->topology().device, world().rank() % 2);
}

TEST(Mpi, statistics_count_what_a_rank_sends) {
    const auto before = world().statistics();
    std::vector<std::int64_t> data(100);
    all_reduce(world(), std::span(data), ReduceOperation::sum);
    broadcast(world(), std::span(data), 0);
    const auto after = world().statistics();
    EXPECT_EQ(after.operations - before.operations, 2);
    EXPECT_EQ(after.bytes - before.bytes, world().is_root() ? 1600 : 800);
    EXPECT_GE(after.wait_seconds, before.wait_seconds);
}

}  // namespace
}  // namespace kohort::parallel

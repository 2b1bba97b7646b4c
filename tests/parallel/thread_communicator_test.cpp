#include "parallel/thread_communicator.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "collective_checks.h"

namespace kohort::parallel {
namespace {

class ThreadRanks : public testing::TestWithParam<int> {};

TEST_P(ThreadRanks, every_collective_gives_what_its_definition_says) {
    run_thread_ranks(GetParam(), [](Communicator& comm) {
        for (const std::int64_t count : {0, 1, 7, 1000}) check_every_collective(comm, count);
    });
}

TEST_P(ThreadRanks, operations_in_flight_do_not_mix) { run_thread_ranks(GetParam(), check_operations_in_flight); }

TEST_P(ThreadRanks, siblings_have_an_order_of_their_own) { run_thread_ranks(GetParam(), check_siblings); }

TEST_P(ThreadRanks, queues_hand_out_each_partition_once) { run_thread_ranks(GetParam(), check_queues); }

TEST_P(ThreadRanks, threads_of_a_rank_claim_side_by_side) { run_thread_ranks(GetParam(), check_threads_that_claim); }

TEST_P(ThreadRanks, faulty_calls_are_refused) { run_thread_ranks(GetParam(), check_refusals); }

TEST_P(ThreadRanks, statistics_count_what_a_rank_sends) {
    run_thread_ranks(GetParam(), [](Communicator& comm) {
        std::vector<std::int64_t> data(100);
        all_reduce(comm, std::span(data), ReduceOperation::sum);
        broadcast(comm, std::span(data), 0);
        EXPECT_EQ(comm.statistics().operations, 2);
        EXPECT_EQ(comm.statistics().bytes, comm.is_root() ? 1600 : 800);
    });
}

TEST_P(ThreadRanks, a_failing_rank_frees_the_others) {
    const int ranks = GetParam();
    std::atomic<int> freed{0};
    try {
        run_thread_ranks(ranks, [&](Communicator& comm) {
            if (comm.rank() == ranks - 1) base::fail(base::ErrorKind::input, "line 7 is bad");
            try {
                all_sum(comm, 1);
                ADD_FAILURE() << "the collective should not have completed";
            } catch (const PeerError& error) {
                EXPECT_EQ(error.rank(), ranks - 1);
                EXPECT_EQ(error.exit_code(), 3);
                EXPECT_THROW(comm.check_peers(), PeerError);
                ++freed;
                throw;
            }
        });
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_STREQ(error.what(), "line 7 is bad");
        EXPECT_EQ(error.exit_code(), 3);
    }
    EXPECT_EQ(freed, ranks - 1);
}

TEST(ThreadSiblings, hear_of_a_failure) {
    std::atomic<int> freed{0};
    EXPECT_THROW(run_thread_ranks(3,
                                  [&](Communicator& comm) {
                                      const auto sibling = comm.make_sibling();
                                      if (comm.rank() == 1) base::fail(base::ErrorKind::internal, "broken");
                                      EXPECT_THROW(all_sum(*sibling, 1), PeerError);
                                      ++freed;
                                  }),
                 base::Error);
    EXPECT_EQ(freed, 2);
}

class ThreadPeers : public testing::TestWithParam<int> {};

TEST_P(ThreadPeers, a_rank_that_claims_hears_of_a_failure) {
    const int ranks = GetParam();
    EXPECT_THROW(run_thread_ranks(ranks,
                                  [](Communicator& comm) {
                                      const auto counter = comm.make_ticket_counter();
                                      if (comm.rank() == 1) base::fail(base::ErrorKind::internal, "broken");
                                      while (true) counter->next();
                                  }),
                 base::Error);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadRanks, testing::Values(1, 2, 3, 5, 8));
INSTANTIATE_TEST_SUITE_P(Sizes, ThreadPeers, testing::Values(2, 3, 5));

}  // namespace
}  // namespace kohort::parallel

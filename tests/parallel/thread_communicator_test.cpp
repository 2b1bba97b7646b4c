#include "parallel/thread_communicator.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "parallel/collectives.h"
#include "parallel/partition_queue.h"

namespace kohort::parallel {
namespace {

class ThreadRanks : public testing::TestWithParam<int> {};

TEST_P(ThreadRanks, every_collective_gives_what_its_definition_says) {
    const int ranks = GetParam();
    run_thread_ranks(ranks, [&](Communicator& comm) {
        const std::int64_t r = comm.rank();
        EXPECT_EQ(all_sum(comm, r + 1), std::int64_t{ranks} * (ranks + 1) / 2);
        EXPECT_EQ(all_max(comm, static_cast<double>(r)), ranks - 1.0);
        EXPECT_EQ(all_min(comm, static_cast<float>(r + 3)), 3.0f);
        EXPECT_EQ(exclusive_sum(comm, r + 1), r * (r + 1) / 2);

        std::vector<std::int64_t> mine(static_cast<std::size_t>(r), r), counts;  // rank 0 has nothing
        const auto all = all_gather(comm, std::span<const std::int64_t>(mine), &counts);
        ASSERT_EQ(all.size(), static_cast<std::size_t>(ranks * (ranks - 1) / 2));
        EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
        EXPECT_EQ(counts[static_cast<std::size_t>(r)], r);

        std::vector<std::vector<std::int64_t>> outgoing(static_cast<std::size_t>(ranks));
        for (std::int64_t to = 0; to < ranks; ++to)
            outgoing[static_cast<std::size_t>(to)].assign(static_cast<std::size_t>(to), 100 * r + to);
        const auto incoming = all_to_all(comm, outgoing);
        for (std::int64_t from = 0; from < ranks; ++from)
            EXPECT_EQ(incoming[static_cast<std::size_t>(from)],
                      std::vector<std::int64_t>(static_cast<std::size_t>(r), 100 * from + r));

        std::string text = r == ranks - 1 ? "from the last" : "";
        broadcast_resized(comm, text, ranks - 1);
        EXPECT_EQ(text, "from the last");

        std::vector<std::int64_t> send(static_cast<std::size_t>(2 * ranks));
        for (std::size_t i = 0; i < send.size(); ++i) send[i] = static_cast<std::int64_t>(i) * (r + 1);
        std::vector<std::int64_t> receive(2);
        comm.start_reduce_scatter(buffer_of(std::span(send)), buffer_of(std::span(receive)), ReduceOperation::sum).wait();
        const std::int64_t factor = std::int64_t{ranks} * (ranks + 1) / 2;
        EXPECT_EQ(receive, (std::vector<std::int64_t>{2 * r * factor, (2 * r + 1) * factor}));
    });
}

TEST_P(ThreadRanks, a_queue_hands_out_each_partition_once) {
    std::mutex mutex;
    std::multiset<std::int32_t> claimed;
    run_thread_ranks(GetParam(), [&](Communicator& comm) {
        PartitionQueue queue(comm, {5, 6, 7, 8, 9, 10, 11});
        while (const auto partition = queue.claim()) {
            std::lock_guard lock(mutex);
            claimed.insert(*partition);
        }
    });
    EXPECT_EQ(claimed, (std::multiset<std::int32_t>{5, 6, 7, 8, 9, 10, 11}));
}

TEST_P(ThreadRanks, a_failing_rank_frees_the_others) {
    const int ranks = GetParam();
    try {
        run_thread_ranks(ranks, [&](Communicator& comm) {
            if (comm.rank() == ranks - 1) base::fail(base::ErrorKind::input, "line 7 is bad");
            all_sum(comm, 1);
            if (ranks > 1) ADD_FAILURE() << "the collective should not have completed";
        });
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_STREQ(error.what(), "line 7 is bad");
        EXPECT_EQ(error.exit_code(), 3);
    }
}

TEST(ThreadRanks, floating_point_sums_are_refused) {
    EXPECT_THROW(run_thread_ranks(2, [](Communicator& comm) { all_sum(comm, 1.0); }), base::Error);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadRanks, testing::Values(1, 2, 3, 5, 8));

}  // namespace
}  // namespace kohort::parallel

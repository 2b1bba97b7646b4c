#include "parallel/agreement.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "base/stop_signal.h"
#include "parallel/collectives.h"
#include "parallel/thread_communicator.h"

namespace kohort::parallel {
namespace {

using namespace std::chrono_literals;

// Runs the job guarded on thread ranks; gives standard error and checks that all ranks leave with one code.
std::string guarded(int ranks, int expected_code, const std::function<int(Communicator&)>& job,
                    std::chrono::milliseconds patience = 5s) {
    testing::internal::CaptureStderr();
    run_thread_ranks(ranks, [&](Communicator& comm) {
        EXPECT_EQ(run_guarded(comm, [&] { return job(comm); }, patience), expected_code) << "rank " << comm.rank();
    });
    return testing::internal::GetCapturedStderr();
}

class Agreement : public testing::TestWithParam<int> {};

TEST_P(Agreement, a_job_without_error_returns_its_code_on_all_ranks) {
    EXPECT_EQ(guarded(GetParam(), 75, [](Communicator&) { return 75; }), "");
}

TEST_P(Agreement, every_failing_rank_ends_the_job_with_its_own_message_and_code) {
    for (int failing = 0; failing < GetParam(); ++failing) {
        const auto text = guarded(GetParam(), 3, [&](Communicator& comm) {
            all_sum(comm, 1);
            if (comm.rank() == failing) base::fail(base::ErrorKind::input, "row 5 of rank {}", failing);
            all_sum(comm, 1);
            return 0;
        });
        EXPECT_EQ(text, "error: row 5 of rank " + std::to_string(failing) + "\n");
    }
}

TEST_P(Agreement, the_lowest_of_several_failing_ranks_speaks) {
    const auto text = guarded(GetParam(), GetParam() == 1 ? 2 : 3, [](Communicator& comm) -> int {
        if (comm.rank() == 0 && comm.size() > 1) all_sum(comm, 1);
        base::fail(comm.rank() == 1 ? base::ErrorKind::input : base::ErrorKind::usage, "rank {}", comm.rank());
    });
    EXPECT_EQ(text, GetParam() == 1 ? "error: rank 0\n" : "error: rank 1\n");
}

TEST_P(Agreement, a_failure_in_the_very_last_step_is_not_missed) {
    const auto text = guarded(GetParam(), 4, [](Communicator& comm) {
        if (comm.rank() == comm.size() - 1) base::fail(base::ErrorKind::environment, "disk full");
        return 0;
    });
    EXPECT_EQ(text, "error: disk full\n");
}

TEST_P(Agreement, foreign_exceptions_are_internal_errors_on_one_line) {
    EXPECT_EQ(guarded(GetParam(), 5,
                      [](Communicator& comm) -> int {
                          if (comm.rank() == comm.size() - 1) throw std::runtime_error("two\nlines");
                          return all_sum(comm, 1);
                      }),
              "error: two lines\n");
    const auto text = guarded(GetParam(), 5, [](Communicator& comm) -> int {
        if (comm.rank() == 0) throw std::bad_alloc();
        return all_sum(comm, 1);
    });
    EXPECT_TRUE(text.starts_with("error: out of memory")) << text;
    EXPECT_EQ(guarded(GetParam(), 5, [](Communicator&) -> int { throw 7; }), "error: an exception of an unknown type\n");
}

TEST_P(Agreement, a_stop_on_request_is_no_error) {
    const auto text = guarded(GetParam(), 75, [](Communicator&) -> int {
        base::fail(base::ErrorKind::stopped, "stopped; run again with --resume");
    });
    EXPECT_EQ(text.find("error:"), std::string::npos);
    EXPECT_NE(text.find("run again with --resume"), std::string::npos);
}

TEST_P(Agreement, objects_unwind_before_anybody_leaves) {
    std::atomic<int> alive{0};
    struct Temporary {
        std::atomic<int>& alive;
        explicit Temporary(std::atomic<int>& a) : alive(a) { ++alive; }
        ~Temporary() { --alive; }
    };
    run_thread_ranks(GetParam(), [&](Communicator& comm) {
        run_guarded(comm, [&]() -> int {
            const Temporary temporary(alive);
            all_sum(comm, 1);
            if (comm.rank() == 0) base::fail(base::ErrorKind::stopped, "enough");
            return all_sum(comm, 1);
        });
        EXPECT_EQ(alive, 0);
    });
}

TEST_P(Agreement, a_fault_that_one_rank_finds_is_thrown_on_all) {
    const int last = GetParam() - 1;
    run_thread_ranks(GetParam(), [&](Communicator& comm) {
        agree(comm, [] {});
        try {
            agree(comm, [&] {
                if (comm.rank() == last) base::fail(base::ErrorKind::input, "file {} is empty", last);
            });
            ADD_FAILURE() << "no error";
        } catch (const base::Error& error) {
            EXPECT_EQ(error.exit_code(), 3);
            EXPECT_EQ(error.what(), "file " + std::to_string(last) + " is empty");
        }
        EXPECT_EQ(all_sum(comm, 1), comm.size());  // nothing is broken: a job could go on
    });
}

TEST_P(Agreement, a_fault_that_all_ranks_find_is_reported_once) {
    const auto text = guarded(GetParam(), 2, [](Communicator& comm) {
        agree(comm, [&] { base::fail(base::ErrorKind::usage, "--clusters 0 (rank {})", comm.rank()); });
        return 0;
    });
    EXPECT_EQ(text, "error: --clusters 0 (rank 0)\n");
}

class AgreementOfPeers : public testing::TestWithParam<int> {};

TEST_P(AgreementOfPeers, a_rank_that_does_not_come_holds_nobody_for_long) {
    const int ranks = GetParam();
    for (const int hanging : {0, ranks - 1}) {
        std::atomic<int> left{0};
        testing::internal::CaptureStderr();
        run_thread_ranks(ranks, [&](Communicator& comm) {
            if (comm.rank() == hanging) {
                while (left < ranks - 1) std::this_thread::sleep_for(1ms);
                return;
            }
            const auto code = run_guarded(
                comm, [&]() -> int { base::fail(base::ErrorKind::input, "rank {}", comm.rank()); }, 300ms);
            EXPECT_EQ(code, 3);
            ++left;
        });
        const auto text = testing::internal::GetCapturedStderr();
        EXPECT_TRUE(text.starts_with(hanging == 0 ? "error: rank 1\n" : "error: rank 0\n")) << text;
    }
}

TEST_P(Agreement, a_stop_of_one_rank_is_known_to_all) {
    run_thread_ranks(GetParam(), [](Communicator& comm) {
        EXPECT_FALSE(stop_agreed(comm));
        barrier(comm);
        if (comm.rank() == comm.size() - 1) base::request_stop();
        EXPECT_TRUE(stop_agreed(comm));
        barrier(comm);
        base::clear_stop_request();
    });
}

TEST_P(Agreement, ranks_that_must_be_equal_are_or_all_fail) {
    const int last = GetParam() - 1;
    const auto text = guarded(GetParam(), last == 0 ? 0 : 4, [&](Communicator& comm) {
        require_equal(comm, "the same", "devices", "never said");
        require_equal(comm, comm.rank() == last ? "cpu" : "cuda X", "devices", "use --device cpu");
        return 0;
    });
    EXPECT_EQ(text, last == 0 ? "" : "error: the ranks run on different devices (cuda X and cpu); use --device cpu\n");
}

INSTANTIATE_TEST_SUITE_P(Sizes, Agreement, testing::Values(1, 2, 3, 5));
INSTANTIATE_TEST_SUITE_P(Sizes, AgreementOfPeers, testing::Values(2, 3));

}  // namespace
}  // namespace kohort::parallel

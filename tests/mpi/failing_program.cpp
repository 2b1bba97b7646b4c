// A job that goes wrong in the way its first argument names; failure_test.cpp runs it under mpirun.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "base/atomic_file.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"
#include "parallel/heartbeat.h"
#include "parallel/mpi_program.h"
#include "parallel/partition_queue.h"

namespace kohort::parallel {
namespace {

using base::ErrorKind;
using Job = std::function<int(Communicator&)>;

bool is_last(const Communicator& comm) { return comm.rank() == comm.size() - 1; }

void sleep_for_seconds(int seconds) { std::this_thread::sleep_for(std::chrono::seconds(seconds)); }

const std::map<std::string, Job>& jobs() {
    static const std::map<std::string, Job> all = {
        {"succeeds", [](Communicator& comm) { return all_sum(comm, 1) == comm.size() ? 0 : 1; }},
        {"first_rank_fails",
         [](Communicator& comm) {
             if (comm.rank() == 0) base::fail(ErrorKind::input, "line 7 of users.csv is bad");
             return all_sum(comm, 1);
         }},
        {"last_rank_fails",
         [](Communicator& comm) {
             barrier(comm);
             if (is_last(comm)) base::fail(ErrorKind::usage, "no such column");
             return all_sum(comm, 1);
         }},
        // The peers stand in the middle of large operations of every kind, and their buffers die as they unwind.
        {"fails_amid_large_transfers",
         [](Communicator& comm) {
             const auto ranks = static_cast<std::size_t>(comm.size());
             const std::vector<std::int64_t> counts(ranks, 1 << 20);
             for (int round = 0;; ++round) {
                 std::vector<std::int64_t> sums(4 << 20, 1), send(ranks << 20, 2), receive(ranks << 20);
                 if (is_last(comm) && round == 2) base::fail(ErrorKind::internal, "overflow in step 2");
                 std::vector<Request> requests;
                 requests.push_back(comm.start_all_reduce(buffer_of(std::span(sums)), ReduceOperation::sum));
                 requests.push_back(comm.start_all_to_all_v(buffer_of(std::span(send)), counts,
                                                            buffer_of(std::span(receive)), counts));
                 requests.push_back(comm.start_broadcast(buffer_of(std::span(sums)), 0));
                 for (auto& request : requests) request.wait();
             }
             return 0;
         }},
        {"fails_while_others_claim",
         [](Communicator& comm) {
             const auto counter = comm.make_ticket_counter();
             if (is_last(comm)) base::fail(ErrorKind::environment, "no space left");
             while (true) counter->next();
             return 0;
         }},
        {"fails_in_the_last_step",
         [](Communicator& comm) {
             barrier(comm);
             if (is_last(comm)) base::fail(ErrorKind::environment, "cannot rename");
             return 0;
         }},
        {"all_fail_at_once",
         [](Communicator& comm) -> int {
             barrier(comm);
             if (comm.rank() % 2 == 0) base::fail(ErrorKind::input, "the fault of rank {}", comm.rank());
             base::fail(ErrorKind::usage, "the fault of rank {}", comm.rank());
         }},
        {"all_agree_to_fail",
         [](Communicator& comm) {
             agree(comm, [] { base::fail(ErrorKind::usage, "--clusters 0: choose 1 or more"); });
             return 0;
         }},
        {"throws_a_foreign_exception",
         [](Communicator& comm) {
             if (is_last(comm)) static_cast<void>(std::string().at(1));
             return all_sum(comm, 1);
         }},
        // The first rank neither looks at its peers nor comes to the meeting.
        {"fails_while_rank_0_computes",
         [](Communicator& comm) {
             if (comm.rank() > 0 || comm.size() == 1) base::fail(ErrorKind::input, "the fault of rank {}", comm.rank());
             sleep_for_seconds(60);
             return 0;
         }},
        {"fails_while_the_last_rank_computes",
         [](Communicator& comm) {
             if (!is_last(comm) || comm.size() == 1) base::fail(ErrorKind::input, "the fault of rank {}", comm.rank());
             sleep_for_seconds(60);
             return 0;
         }},
        {"first_rank_hangs",
         [](Communicator& comm) {
             barrier(comm);
             if (comm.rank() == 0) sleep_for_seconds(60);
             return all_sum(comm, 1);
         }},
        {"last_rank_hangs",
         [](Communicator& comm) {
             const auto counter = comm.make_ticket_counter();
             if (is_last(comm)) sleep_for_seconds(60);
             while (counter->next() < 100) heartbeat();
             return all_sum(comm, 1);
         }},
        // All processes but one thread of the last rank would wait for ever.
        {"first_rank_is_frozen",
         [](Communicator& comm) {
             barrier(comm);
             if (comm.rank() == 0 && comm.size() > 1) ::raise(SIGSTOP);
             return all_sum(comm, 1);
         }},
        // Longer than the watchdog's limit, but with signs of life: nobody is blamed.
        {"works_slowly",
         [](Communicator& comm) {
             for (int i = 0; is_last(comm) && i < 35; ++i) {
                 std::this_thread::sleep_for(std::chrono::milliseconds(100));
                 heartbeat();
             }
             return all_sum(comm, 1) == comm.size() ? 0 : 1;
         }},
        {"last_rank_is_killed",
         [](Communicator& comm) {
             barrier(comm);
             if (is_last(comm)) ::raise(SIGKILL);
             return all_sum(comm, 1);
         }},
        {"is_asked_to_stop",
         [](Communicator& comm) {
             for (int step = 0;; ++step) {
                 if (step == 5 && is_last(comm)) ::raise(SIGUSR1);
                 if (stop_agreed(comm)) return static_cast<int>(ErrorKind::stopped);
             }
         }},
    };
    return all;
}

// Holds a temporary file while the job runs: none may be left behind.
int run(const std::string& mode, const std::filesystem::path& folder, double watchdog_seconds) {
    base::catch_stop_signals();
    return run_on_all_ranks(
        {.watchdog_seconds = watchdog_seconds, .watchdog_grace_seconds = 2},
        [&](Communicator& comm) {
            base::AtomicFile result(folder / ("result-" + std::to_string(comm.rank())));
            return jobs().at(mode)(comm);
        },
        std::chrono::milliseconds(1500));
}

}  // namespace
}  // namespace kohort::parallel

// failing_program MODE FOLDER WATCHDOG_SECONDS
int main(int, char** argv) { return kohort::parallel::run(argv[1], argv[2], std::atof(argv[3])); }

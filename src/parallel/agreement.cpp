#include "parallel/agreement.h"

#include <new>

#include "base/log.h"
#include "base/stop_signal.h"
#include "parallel/collectives.h"

namespace kohort::parallel {
namespace {

constexpr int internal = static_cast<int>(base::ErrorKind::internal);
constexpr int stopped = static_cast<int>(base::ErrorKind::stopped);

// Runs the work; gives what went wrong. A peer's failure is not this rank's and passes through.
std::optional<Failure> failure_of(const std::function<void()>& work) {
    try {
        work();
        return std::nullopt;
    } catch (const PeerError&) {
        throw;
    } catch (const base::Error& error) {
        return Failure{error.exit_code(), error.what()};
    } catch (const std::bad_alloc&) {
        return Failure{internal, "out of memory; use more nodes, or fewer ranks and threads on each"};
    } catch (const std::exception& error) {
        return Failure{internal, error.what()};
    } catch (...) {
        return Failure{internal, "an exception of an unknown type"};
    }
}

void report(const Failure& failure) {
    if (failure.exit_code == stopped) base::log_warning("{}", failure.message);
    else base::print_error(failure.message);
}

}  // namespace

int run_guarded(Communicator& comm, const std::function<int()>& job, std::chrono::milliseconds patience) {
    std::optional<Failure> own;
    try {
        int code = 0;
        own = failure_of([&] {
            code = job();
            barrier(comm);  // a peer may fail in its very last step
        });
        if (!own) return code;
    } catch (const PeerError&) {
    }
    return comm.leave_after_failure(own, patience, report);
}

void agree(Communicator& comm, const std::function<void()>& work) {
    const auto own = failure_of(work);
    const int first = all_min(comm, own ? comm.rank() : comm.size());
    if (first == comm.size()) return;
    int code = own ? own->exit_code : 0;
    std::string message = own ? own->message : std::string();
    broadcast(comm, std::span(&code, 1), first);
    broadcast_resized(comm, message, first);
    throw base::Error(static_cast<base::ErrorKind>(code), message);
}

void require_equal(Communicator& comm, const std::string& mine, std::string_view what, std::string_view advice) {
    std::string first = mine;
    broadcast_resized(comm, first);
    agree(comm, [&] {
        if (first != mine)
            base::fail(base::ErrorKind::environment, "the ranks run on different {} ({} and {}); {}", what, first, mine, advice);
    });
}

bool stop_agreed(Communicator& comm) { return all_max(comm, base::stop_requested() ? 1 : 0) != 0; }

}  // namespace kohort::parallel

#include "base/stop_signal.h"

#include <atomic>
#include <csignal>

#include "base/error.h"

namespace kohort::base {
namespace {

std::atomic<bool> stop_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the handler may only touch a lock-free flag");

extern "C" void note_stop_signal(int) { stop_flag.store(true); }

// Whoever presses Ctrl-C once more does not want to wait.
extern "C" void note_interrupt(int) {
    stop_flag.store(true);
    std::signal(SIGINT, SIG_DFL);
}

}  // namespace

void catch_stop_signals() {
    struct sigaction action {};
    action.sa_handler = note_stop_signal;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGUSR1, &action, nullptr);
    struct sigaction before {};
    ::sigaction(SIGINT, nullptr, &before);
    if (before.sa_handler == SIG_IGN) return;  // a job in the background of a script
    action.sa_handler = note_interrupt;
    ::sigaction(SIGINT, &action, nullptr);
}

bool stop_requested() { return stop_flag.load(); }
void leave_if_stop_requested(std::string_view doing) {
    if (stop_requested()) fail(ErrorKind::stopped, "stopped on request while {}; run again with --resume to go on", doing);
}
void request_stop() { stop_flag.store(true); }
void clear_stop_request() { stop_flag.store(false); }

}  // namespace kohort::base

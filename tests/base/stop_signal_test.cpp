// Signals that ask for a stop.
#include "base/stop_signal.h"

#include <gtest/gtest.h>

#include <csignal>
#include <initializer_list>

#include "base/error.h"

namespace kohort::base {
namespace {

using Handler = void (*)(int);

Handler handler_of(int signal) {
    struct sigaction action {};
    sigaction(signal, nullptr, &action);
    return action.sa_handler;
}

TEST(StopSignal, is_noted_and_asks_to_leave) {
    std::signal(SIGINT, SIG_DFL);
    catch_stop_signals();
    for (const int signal : {SIGTERM, SIGUSR1, SIGINT}) {
        clear_stop_request();
        EXPECT_NO_THROW(leave_if_stop_requested("waiting"));
        std::raise(signal);
        EXPECT_TRUE(stop_requested()) << signal;
        EXPECT_THROW(leave_if_stop_requested("waiting"), Error);
    }
    clear_stop_request();
    EXPECT_EQ(handler_of(SIGINT), SIG_DFL) << "a second Ctrl-C ends the program";
    EXPECT_NE(handler_of(SIGTERM), SIG_DFL);
}

TEST(StopSignal, of_the_keyboard_stays_ignored_where_it_was) {
    std::signal(SIGINT, SIG_IGN);
    catch_stop_signals();
    EXPECT_EQ(handler_of(SIGINT), SIG_IGN);
    std::signal(SIGINT, SIG_DFL);
}

}  // namespace
}  // namespace kohort::base

// A request to stop from outside: SIGTERM, SIGUSR1 and a first SIGINT set a flag that jobs look at where they can save their state.
#pragma once

#include <string_view>

namespace kohort::base {

void catch_stop_signals();   // installs the handlers; called once by main
bool stop_requested();       // this process's own flag; ranks agree on it through Communicator
// Throws Error(stopped) where a stop was requested: "stopped on request while encoding; run again with --resume to go on".
void leave_if_stop_requested(std::string_view doing);
void request_stop();         // as if a signal had come (tests)
void clear_stop_request();   // tests only

}  // namespace kohort::base

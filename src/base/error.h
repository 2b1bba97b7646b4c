// The one error type of Kohort, and the exit code each kind of error ends the program with.
// An error is thrown once, where it is found, with a message that says what, where and what to do.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace kohort::base {

// The value of a kind is the program's exit code.
enum class ErrorKind : int {
    usage = 2,        // command line or configuration
    input = 3,        // input data refused
    environment = 4,  // disk full, no GPU, MPI started wrongly
    internal = 5,     // a broken invariant, or a numerical failure
    stopped = 75      // stopped on request with the state saved: submit again
};

class Error : public std::runtime_error {
  public:
    Error(ErrorKind kind, const std::string& message);

    ErrorKind kind() const { return kind_; }
    int exit_code() const { return static_cast<int>(kind_); }

  private:
    ErrorKind kind_;
};

template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
    throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

// Throws the error of a failed system call: `what` names the action and the object ("write /data/x"), and
// errno's text is added. Every such error is of kind environment, but a missing or unreadable file that the
// user named is the caller's to report as input or usage.
[[noreturn]] void fail_errno(const std::string& what);

}  // namespace kohort::base

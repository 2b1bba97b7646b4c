// How the ranks of a job learn that one of them has failed, and how they leave together: one message, one code.
//
// The failing rank sends a notice to every other rank at once; their waits look for notices and throw PeerError.
// Once every rank has unwound (so that no temporary file stays behind), all meet at rank 0, which reports the error
// of the lowest failed rank and lets everybody go. The message thus appears when the ranks have met, or when the
// patience has run out because one of them hangs: late by that much at the worst, but never twice.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "parallel/channel.h"
#include "parallel/communicator.h"

namespace kohort::parallel {

struct Parting {
    int exit_code = 0;
    bool all_arrived = false;  // false: someone hangs, and the job must be ended by force
    bool clean = false;        // every rank arrived without an operation left in flight
};

class FailureControl {
  public:
    explicit FailureControl(std::unique_ptr<Channel> channel);

    // This rank has failed: tells the others. The message follows in part().
    void announce(int exit_code);

    // Another rank (or this one, seen from a background thread) has failed and the error line is already printed.
    void announce_reported(int rank, int exit_code);

    // Looks for notices; true when a failure is known that this rank did not announce itself. Thread-safe, cheap.
    bool peer_failed();

    // True when any failure is known, this rank's own included.
    bool any_failed();

    // Throws PeerError if peer_failed().
    void check();

    // Meets the other ranks. `own` is this rank's failure, or nothing when it leaves because of a peer's;
    // `clean` says whether it has no operation left in flight. report() is called on at most one rank.
    Parting part(const std::optional<Failure>& own, bool clean, std::chrono::milliseconds patience,
                 const std::function<void(const Failure&)>& report);

  private:
    struct Known {
        int exit_code = 0;
        bool reported = false;
        std::optional<std::string> message;
    };

    void note(int rank, int exit_code, bool reported);
    void look_for_notices();
    int first_failed() const;  // -1: none
    bool reported() const;
    Parting part_as_host(bool clean, std::chrono::milliseconds patience,
                         const std::function<void(const Failure&)>& report);
    Parting part_as_guest(const std::optional<Failure>& own, bool clean, std::chrono::milliseconds patience,
                          const std::function<void(const Failure&)>& report);

    std::unique_ptr<Channel> channel_;
    std::atomic<bool> peer_failed_{false};
    mutable std::mutex mutex_;
    std::map<int, Known> known_;  // failures by rank
    bool announced_ = false;
};

}  // namespace kohort::parallel

// Finds a rank that hangs by its missing heartbeats. Waiting for a peer counts as activity, so that only the rank
// that the others wait for is blamed, however long a collective takes.
//
// A background thread of every rank tells rank 0 how often the rank has called heartbeat(); rank 0 looks for one
// that stands still. Rank 1 in turn makes sure that rank 0's reports keep coming.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "parallel/channel.h"
#include "parallel/failure_control.h"

namespace kohort::parallel {

class Watchdog {
  public:
    // Watches until destroyed; nothing is watched when `limit` is zero or less. When a rank is silent for `limit`,
    // one rank prints the error line and announces the failure; end_job(5) is called where the ranks have not left
    // by themselves after `grace`. `beats` counts the calls of heartbeat().
    Watchdog(std::unique_ptr<Channel> channel, FailureControl& control, std::chrono::milliseconds limit,
             std::chrono::milliseconds grace, std::function<std::uint64_t()> beats, std::function<void(int)> end_job);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

  private:
    void watch();
    void accuse(int rank, const std::string& host);
    bool sleep_for(std::chrono::milliseconds time);  // false: the watchdog is being destroyed

    std::unique_ptr<Channel> channel_;
    FailureControl& control_;
    std::chrono::milliseconds limit_, grace_;
    std::function<std::uint64_t()> beats_;
    std::function<void(int)> end_job_;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace kohort::parallel

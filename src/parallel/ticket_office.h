// Tickets handed out by a thread on rank 0, for carriers without shared memory. It answers claims by send and
// receive on a channel of its own: one-sided MPI stalls over TCP until the target happens to call MPI.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "parallel/channel.h"
#include "parallel/communicator.h"
#include "parallel/failure_control.h"

namespace kohort::parallel {

class TicketOffice {
  public:
    // One on each rank; `control` outlives it.
    TicketOffice(std::unique_ptr<Channel> channel, FailureControl& control);
    // Stops the thread. No counter may be in use on any rank any more.
    ~TicketOffice();
    TicketOffice(const TicketOffice&) = delete;
    TicketOffice& operator=(const TicketOffice&) = delete;

    // Collective: the n-th call on one rank belongs to the n-th call on every other.
    std::unique_ptr<TicketCounter> make_counter();

  private:
    class Handle;
    struct Counter {
        std::int64_t next = 0;
        int users;  // ranks that have not destroyed their handle
    };

    std::int64_t claim(std::int64_t counter);
    std::int64_t claim_from_afar(std::int64_t counter);
    void release(std::int64_t counter);
    Counter& counter_at(std::int64_t number);  // under the lock
    void release_local(std::int64_t number);
    void serve();
    bool answer_one();

    std::unique_ptr<Channel> channel_;
    FailureControl& control_;
    std::int64_t made_ = 0;
    std::atomic<int> claims_{0};

    // On rank 0 only.
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::int64_t, Counter> counters_;
    bool stopping_ = false;
    std::thread server_;
};

}  // namespace kohort::parallel

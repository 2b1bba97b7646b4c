// A thread that carries out numbered jobs beside the computation: always in the order of their numbers, each as soon as
// it has been released. So all ranks start the same communication in the same order, whenever each is ready for it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace kohort::train {

class BucketThread {
  public:
    explicit BucketThread(std::function<void(std::int64_t)> work);
    ~BucketThread();  // waits for the job under way and leaves the rest
    BucketThread(const BucketThread&) = delete;
    BucketThread& operator=(const BucketThread&) = delete;

    // A new round of jobs 0 to jobs - 1. What is left of the round before is dropped, but for a job under way.
    void begin(std::int64_t jobs);
    void release(std::int64_t job);  // thread-safe
    // Releases the rest, and waits for all of the round. Throws what a job has thrown; none follows such a job.
    void finish();

  private:
    void run();
    bool next_is_ready() const { return next_ < static_cast<std::int64_t>(released_.size()) && released_[static_cast<std::size_t>(next_)]; }

    std::function<void(std::int64_t)> work_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<char> released_;
    std::int64_t next_ = 0;
    bool working_ = false, stopping_ = false;
    std::exception_ptr error_;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace kohort::train

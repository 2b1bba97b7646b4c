// Progress of a stage for people: a live line on a terminal, plain lines elsewhere, with rate and time left.
// The count is of work really done; the last line says the total time and the mean rate.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace kohort::base {

class Progress {
  public:
    // `total` in `unit` ("users", "steps"); shown only where `visible` (rank 0). total < 0: unknown.
    Progress(std::string stage, std::int64_t total, std::string unit, bool visible);
    ~Progress();  // prints the closing line unless finish() was called or nothing was done
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void advance(std::int64_t amount = 1);   // thread-safe
    void set(std::int64_t done);             // for counts that are known globally
    void note(const std::string& text);      // short text at the end of the line ("loss 4.21")
    void finish();

  private:
    void show(bool last);

    std::string stage_, unit_, note_;
    std::int64_t total_;
    bool visible_, terminal_, finished_ = false;
    std::atomic<std::int64_t> done_{0};
    std::chrono::steady_clock::time_point start_, next_;
    std::mutex mutex_;
};

// "1 h 02 min", "3 min 20 s", "4.2 s"
std::string human_duration(double seconds);
// "12,345"
std::string human_count(std::int64_t count);

}  // namespace kohort::base

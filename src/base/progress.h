// Progress of a stage for people: a live line on a terminal, plain lines elsewhere, with rate and time left.
// The count is of work really done; the last line says the total time and the mean rate.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace kohort::base {

class Progress {
  public:
    // `total` in `unit` ("users", "steps", "bytes"); shown only where `visible` (rank 0). total < 0: unknown.
    Progress(std::string stage, std::int64_t total, std::string unit, bool visible);
    ~Progress();  // prints the closing line unless finish() was called or nothing was done
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void advance(std::int64_t amount = 1);   // thread-safe
    void set(std::int64_t done);             // for counts that are known globally
    void begin_at(std::int64_t done);        // so much was done before: it counts for the share, not for the rate
    void note(const std::string& text);      // short text at the end of the line ("loss 4.21")
    void finish();

  private:
    void show(bool last);
    std::string amount(std::int64_t count) const;

    std::string stage_, unit_, note_;
    std::int64_t total_;
    bool visible_, terminal_, finished_ = false;
    std::int64_t before_ = 0;
    std::atomic<std::int64_t> done_{0};
    std::chrono::steady_clock::time_point start_, next_;
    std::mutex mutex_;
};

// "1 h 02 min", "3 min 20 s", "4.2 s"
std::string human_duration(double seconds);
// "12,345"
std::string human_count(std::int64_t count);
// "12,345 steps", "1 step"; units: a regular plural
std::string counted(std::int64_t count, std::string_view units);
// "512 MiB", "1.5 GiB"
std::string human_bytes(std::int64_t bytes);

}  // namespace kohort::base

// How a rank waits for something that it has to ask for again and again: at once at first, then with pauses, so
// that a long wait costs nearly no processor time where ranks or their worker threads outnumber the cores.
#pragma once

#include <chrono>

namespace kohort::parallel {

class Backoff {
  public:
    using Duration = std::chrono::nanoseconds;

    // Yields the processor during the first 50 microseconds, then sleeps for a sixteenth of the time waited so
    // far, at most `longest`: what a sleep adds to the wait stays within a few per cent.
    explicit Backoff(Duration longest = std::chrono::milliseconds(1)) : longest_(longest) {}

    void pause();

    // What pause() would do after `waited`; zero means yield.
    Duration pause_after(Duration waited) const;

    Duration waited() const { return std::chrono::steady_clock::now() - begin_; }

  private:
    Duration longest_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace kohort::parallel

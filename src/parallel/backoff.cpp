#include "parallel/backoff.h"

#include <algorithm>
#include <thread>

namespace kohort::parallel {
namespace {

constexpr auto yielding = std::chrono::microseconds(50);
constexpr auto shortest_sleep = std::chrono::microseconds(10);
constexpr int share_slept = 16;

}  // namespace

Backoff::Duration Backoff::pause_after(Duration waited) const {
    if (waited < yielding) return Duration::zero();
    return std::min(std::max<Duration>(waited / share_slept, shortest_sleep), longest_);
}

void Backoff::pause() {
    const auto pause = pause_after(waited());
    if (pause == Duration::zero()) std::this_thread::yield();
    else std::this_thread::sleep_for(pause);
}

}  // namespace kohort::parallel

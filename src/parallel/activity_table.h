// Which rank has stopped showing signs of life: the watchdog's arithmetic, without clock, threads or messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace kohort::parallel {

class ActivityTable {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    // Every rank counts as active at `now`. A rank is silent once its count has stood still for `limit`.
    ActivityTable(int ranks, Duration limit, Time now);

    void report(int rank, std::uint64_t beats, Time now);

    // The lowest silent rank. Called regularly: where the caller itself was stopped for a while (a suspended job, a
    // sleeping laptop), the gap is held against nobody.
    std::optional<int> silent_rank(Time now);

  private:
    struct Entry {
        std::uint64_t beats = 0;
        Time active;
    };

    Duration limit_;
    Time looked_;
    std::vector<Entry> entries_;
};

}  // namespace kohort::parallel

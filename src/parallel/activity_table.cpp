#include "parallel/activity_table.h"

namespace kohort::parallel {

ActivityTable::ActivityTable(int ranks, Duration limit, Time now)
    : limit_(limit), looked_(now), entries_(static_cast<std::size_t>(ranks), Entry{0, now}) {}

void ActivityTable::report(int rank, std::uint64_t beats, Time now) {
    auto& entry = entries_.at(static_cast<std::size_t>(rank));
    if (beats == entry.beats) return;
    entry = {beats, now};
}

std::optional<int> ActivityTable::silent_rank(Time now) {
    const auto gap = now - looked_;
    looked_ = now;
    if (gap > limit_ / 2)
        for (auto& entry : entries_) entry.active += gap;
    for (std::size_t rank = 0; rank < entries_.size(); ++rank)
        if (now - entries_[rank].active > limit_) return static_cast<int>(rank);
    return std::nullopt;
}

}  // namespace kohort::parallel

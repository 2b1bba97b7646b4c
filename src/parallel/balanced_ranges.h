// Consecutive ranges of pieces (partitions) of about equal cost, one a rank: for stages whose ranks keep their share.
#pragma once

#include <cstdint>
#include <vector>

namespace kohort::parallel {

struct Range {
    std::int64_t first = 0, last = 0;  // [first, last)
};

// costs[i] >= 0. A piece goes to the rank in whose share of the total its middle lies, so every rank's share is
// within one piece of the mean; ranges may be empty. Pieces of no cost follow their neighbours.
inline std::vector<Range> balanced_ranges(const std::vector<std::int64_t>& costs, int ranks) {
    std::int64_t total = 0;
    for (const auto cost : costs) total += cost;
    std::vector<Range> ranges(static_cast<std::size_t>(ranks));
    std::int64_t before = 0, piece = 0;
    const auto pieces = static_cast<std::int64_t>(costs.size());
    for (int rank = 0; rank < ranks; ++rank) {
        auto& range = ranges[static_cast<std::size_t>(rank)];
        range.first = piece;
        while (piece < pieces) {
            const auto cost = costs[static_cast<std::size_t>(piece)];
            const auto middle = static_cast<__int128>(2 * before + cost) * ranks;
            if (rank + 1 < ranks && middle >= static_cast<__int128>(2 * total) * (rank + 1)) break;
            before += cost;
            ++piece;
        }
        range.last = piece;
    }
    return ranges;
}

}  // namespace kohort::parallel

#include "train/micro_batch.h"

#include <algorithm>
#include <numeric>

namespace kohort::train {

double MicroBatch::cost(std::int64_t hidden) const {
    // Twelve H x H products a token, and two products with each other token of its sequence.
    const auto tokens = static_cast<double>(rows() * longest), width = static_cast<double>(hidden);
    return tokens * (12 * width * width + 2 * width * static_cast<double>(longest));
}

std::vector<MicroBatch> plan_micro_batches(std::span<const std::int32_t> lengths, std::int64_t token_budget) {
    std::vector<std::int32_t> order(lengths.size());
    std::iota(order.begin(), order.end(), 0);
    const auto length = [&](std::int32_t place) { return std::int64_t{lengths[static_cast<std::size_t>(place)]}; };
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return length(a) < length(b); });
    if (token_budget <= 0)
        token_budget = std::clamp<std::int64_t>(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}) / 24, 1024, 8192);

    std::vector<MicroBatch> result;
    for (const std::int32_t place : order) {
        if (!result.empty()) {
            MicroBatch& last = result.back();
            const bool full = (last.rows() + 1) * length(place) > token_budget;
            const bool changes = length(place) != last.longest && 2 * last.rows() * last.longest >= token_budget;
            if (!full && !changes) {
                last.sequences.push_back(place);
                last.longest = length(place);
                continue;
            }
        }
        result.push_back({{place}, length(place), 0});
    }
    std::stable_sort(result.begin(), result.end(), [](const MicroBatch& a, const MicroBatch& b) {
        return a.rows() * a.longest > b.rows() * b.longest;
    });
    return result;
}

void deal_micro_batches(std::vector<MicroBatch>& micro_batches, int ranks, std::int64_t hidden) {
    std::vector<double> load(static_cast<std::size_t>(ranks), 0);
    for (MicroBatch& micro_batch : micro_batches) {
        const auto least = std::min_element(load.begin(), load.end());
        micro_batch.rank = static_cast<int>(least - load.begin());
        *least += micro_batch.cost(hidden);
    }
}

}  // namespace kohort::train

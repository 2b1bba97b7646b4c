#include "encode/length_planner.h"

#include <algorithm>
#include <numeric>

namespace kohort::encode {

std::vector<std::vector<std::int64_t>> plan_batches(std::span<const std::int64_t> lengths, std::int64_t budget) {
    const auto length_of = [&](std::int64_t index) { return lengths[static_cast<std::size_t>(index)]; };
    std::vector<std::int64_t> order(lengths.size());
    std::iota(order.begin(), order.end(), std::int64_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return length_of(a) < length_of(b); });

    std::vector<std::vector<std::int64_t>> batches;
    std::int64_t longest = 0;  // of the last batch
    for (const std::int64_t index : order) {
        const std::int64_t length = length_of(index);
        const std::int64_t rows = batches.empty() ? 0 : static_cast<std::int64_t>(batches.back().size());
        const bool full = length * (rows + 1) > budget;
        const bool longer_after_half = length > longest && 2 * longest * rows >= budget;
        if (rows == 0 || full || longer_after_half) batches.emplace_back();
        batches.back().push_back(index);
        longest = length;
    }
    return batches;
}

}  // namespace kohort::encode

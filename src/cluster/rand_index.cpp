#include "cluster/rand_index.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace kohort::cluster {
namespace {

// The number of pairs with equal keys.
std::int64_t equal_pairs(std::vector<std::uint64_t> keys) {
    std::ranges::sort(keys);
    std::int64_t pairs = 0;
    for (std::size_t first = 0, i = 0; i < keys.size(); ++i) {
        if (keys[i] != keys[first]) first = i;
        pairs += static_cast<std::int64_t>(i - first);  // with each equal key before it
    }
    return pairs;
}

}  // namespace

double adjusted_rand_index(std::span<const std::int32_t> one, std::span<const std::int32_t> other) {
    std::vector<std::uint64_t> first, second, both;
    for (std::size_t i = 0; i < one.size(); ++i) {
        first.push_back(static_cast<std::uint32_t>(one[i]));
        second.push_back(static_cast<std::uint32_t>(other[i]));
        both.push_back(first.back() << 32 | second.back());
    }
    const auto n = static_cast<std::int64_t>(one.size());
    const std::int64_t together = equal_pairs(std::move(both)), in_one = equal_pairs(std::move(first)),
                       in_other = equal_pairs(std::move(second)), pairs = n * (n - 1) / 2;
    if (in_one == together && in_other == together) return 1;  // the same division, also where all or no pairs are together
    // (together - expected) / (mean - expected), expected = in_one * in_other / pairs, times 2 * pairs to stay in integers.
    const __int128 product = static_cast<__int128>(in_one) * in_other;
    const __int128 above = 2 * (static_cast<__int128>(together) * pairs - product);
    const __int128 below = static_cast<__int128>(in_one + in_other) * pairs - 2 * product;
    return static_cast<double>(above) / static_cast<double>(below);
}

}  // namespace kohort::cluster

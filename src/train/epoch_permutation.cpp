#include "train/epoch_permutation.h"

#include <algorithm>
#include <bit>

namespace kohort::train {
namespace {

constexpr int rounds = 6;
// Positions in the stream of samples stay below this bit, so the two uses of RandomPurpose::sampling never meet.
constexpr std::uint64_t permutation_stream = std::uint64_t{1} << 63;

}  // namespace

EpochPermutation::EpochPermutation(std::int64_t n, std::uint64_t seed, std::uint64_t epoch)
    : random_(seed, base::RandomPurpose::sampling), n_(static_cast<std::uint64_t>(n)), epoch_(epoch),
      half_bits_(std::max(1, (static_cast<int>(std::bit_width(n_ - 1)) + 1) / 2)) {}

std::int64_t EpochPermutation::operator()(std::int64_t position) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    auto x = static_cast<std::uint64_t>(position);
    do {
        std::uint64_t left = x >> half_bits_, right = x & mask;
        for (int round = 0; round < rounds; ++round) {
            const std::uint64_t low = (static_cast<std::uint64_t>(round) << 56) | right;
            const std::uint64_t mixed = left ^ (random_.block(permutation_stream | epoch_, low)[0] & mask);
            left = right;
            right = mixed;
        }
        x = (left << half_bits_) | right;
    } while (x >= n_);
    return static_cast<std::int64_t>(x);
}

}  // namespace kohort::train

#include "base/philox.h"

#include <cmath>
#include <numbers>

namespace kohort::base {
namespace {

// The finaliser of SplitMix64: seed and purpose become one key without structure.
std::uint64_t mix(std::uint64_t x) {
    x += 0x9E3779B97F4A7C15ULL;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
        const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
                   static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
        key[0] += 0x9E3779B9;
        key[1] += 0xBB67AE85;
    }
    return counter;
}

Philox::Philox(std::uint64_t seed, RandomPurpose purpose) {
    const std::uint64_t key = mix(mix(seed) ^ static_cast<std::uint32_t>(purpose));
    key0_ = static_cast<std::uint32_t>(key);
    key1_ = static_cast<std::uint32_t>(key >> 32);
}

std::array<std::uint32_t, 4> Philox::block(std::uint64_t high, std::uint64_t low) const {
    return philox4x32_10({static_cast<std::uint32_t>(low), static_cast<std::uint32_t>(low >> 32),
                          static_cast<std::uint32_t>(high), static_cast<std::uint32_t>(high >> 32)},
                         {key0_, key1_});
}

std::uint64_t Philox::bits(std::uint64_t high, std::uint64_t low) const {
    const auto b = block(high, low);
    return (std::uint64_t{b[1]} << 32) | b[0];
}

double Philox::uniform(std::uint64_t high, std::uint64_t low) const {
    return static_cast<double>(bits(high, low) >> 11) * 0x1.0p-53;
}

std::uint64_t Philox::below(std::uint64_t bound, std::uint64_t high, std::uint64_t low) const {
    // The high half of a 64 x 64 product; its bias is below bound / 2^64.
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bits(high, low)) * bound) >> 64);
}

double Philox::normal(std::uint64_t high, std::uint64_t low) const {
    // Box and Muller 1958, from the two halves of one block; 1 - u keeps the logarithm finite.
    const auto b = block(high, low);
    const double u = static_cast<double>(((std::uint64_t{b[1]} << 32) | b[0]) >> 11) * 0x1.0p-53;
    const double v = static_cast<double>(((std::uint64_t{b[3]} << 32) | b[2]) >> 11) * 0x1.0p-53;
    return std::sqrt(-2.0 * std::log(1.0 - u)) * std::cos(2.0 * std::numbers::pi * v);
}

}  // namespace kohort::base

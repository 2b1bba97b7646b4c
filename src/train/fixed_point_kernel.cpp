#include "train/fixed_point_kernel.h"

#include <bit>

// The same loops are compiled for AVX2 too, and chosen when the program starts; -O3 (set for this file) turns them
// into vector code.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define KOHORT_BY_CPU __attribute__((target_clones("avx2", "default")))
#else
#define KOHORT_BY_CPU
#endif

namespace kohort::train {

KOHORT_BY_CPU std::uint32_t largest_magnitude_bits(const float* values, std::int64_t n) {
    // Without its sign, a float's bits order as its magnitude does, with infinity and then NaN on top.
    std::int32_t largest = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        const auto bits = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(values[i]) & 0x7FFFFFFFU);
        largest = bits > largest ? bits : largest;
    }
    return static_cast<std::uint32_t>(largest);
}

KOHORT_BY_CPU void add_on_grid(const float* values, std::int64_t n, double scale, std::int64_t* sums) {
    // Between 2^52 and 2^53 doubles are the integers: adding 1.5 * 2^52 rounds to one, and its bits count from there.
    constexpr double shift = 0x1.8p52;
    constexpr auto shift_bits = std::bit_cast<std::int64_t>(shift);
    for (std::int64_t i = 0; i < n; ++i)
        sums[i] += std::bit_cast<std::int64_t>(static_cast<double>(values[i]) * scale + shift) - shift_bits;
}

KOHORT_BY_CPU void from_grid(const std::int64_t* sums, std::int64_t n, double step, float* values) {
    for (std::int64_t i = 0; i < n; ++i) values[i] = static_cast<float>(static_cast<double>(sums[i]) * step);
}

}  // namespace kohort::train

// The passes over gradients that every micro-batch pays for: the largest magnitude, and the addition on an int64 grid;
// and the way back to floats. All give the same bits whatever instructions carry them out.
#pragma once

#include <cstdint>

namespace kohort::train {

// Terms must stay within +-2^50 grid steps: beyond 2^51 the rounding trick of add_on_grid fails.
inline constexpr int most_term_bits = 50;

// max |values[i]| over n values, as the bits of a float; at least infinity_bits where a value is infinite or NaN.
inline constexpr std::uint32_t infinity_bits = 0x7F800000;
std::uint32_t largest_magnitude_bits(const float* values, std::int64_t n);

// sums[i] += round-half-even(values[i] * scale), where scale is a power of two and |values[i] * scale| <= 2^50.
void add_on_grid(const float* values, std::int64_t n, double scale, std::int64_t* sums);

// values[i] = sums[i] * step, rounded once to double and once to float; step is a power of two.
void from_grid(const std::int64_t* sums, std::int64_t n, double step, float* values);

}  // namespace kohort::train

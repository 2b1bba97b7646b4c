#include "store/float16.h"

#include <bit>
#include <cmath>

namespace kohort::store {
namespace {

constexpr std::uint32_t infinity = 0x7f800000;         // of a float without its sign; what is above is NaN
constexpr std::uint32_t too_large = 0x477ff000;        // 65,520, half way between 65,504 and 65,536
constexpr std::uint32_t smallest_normal = 0x38800000;  // 2^-14
constexpr int dropped_bits = 23 - 10;
constexpr std::uint32_t exponent_shift = (127 - 15) << 23;

std::uint32_t magnitude_of(float value) { return std::bit_cast<std::uint32_t>(value) & 0x7fffffff; }

}  // namespace

Float16 to_float16(float value) {
    const std::uint32_t magnitude = magnitude_of(value);
    std::uint32_t half = 0;
    if (magnitude > infinity) half = 0x7e00;
    else if (magnitude >= too_large) half = 0x7c00;
    else if (magnitude < smallest_normal) half = static_cast<std::uint32_t>(std::lrint(std::ldexp(std::fabs(value), 24)));
    else
        half =
            (magnitude - exponent_shift + (1u << (dropped_bits - 1)) - 1 + ((magnitude >> dropped_bits) & 1)) >> dropped_bits;
    return {static_cast<std::uint16_t>(half | (std::bit_cast<std::uint32_t>(value) >> 16 & 0x8000))};
}

bool fits_float16(float value) { return magnitude_of(value) < too_large; }

}  // namespace kohort::store

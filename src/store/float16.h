// IEEE 754 half-precision numbers as they are kept in files: 2 bytes a number, three significant digits, at most 65,504.
#pragma once

#include <cstdint>

namespace kohort::store {

struct Float16 {
    std::uint16_t bits = 0;  // sign, 5 bits of exponent, 10 of mantissa

    friend bool operator==(const Float16&, const Float16&) = default;
};

// Rounded to the nearest, ties to even; infinite from 65,520 on; NaN stays NaN.
Float16 to_float16(float value);

// Whether the value, rounded, is finite.
bool fits_float16(float value);

}  // namespace kohort::store

#include "parallel/exact_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kohort::parallel {

int fixed_point_exponent(std::int64_t terms, double largest) {
    const int term_bits = std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(terms, 1) - 1));
    int value_bits = 0;
    if (largest > 0) {
        const double mantissa = std::frexp(largest, &value_bits);  // largest = mantissa * 2^value_bits, mantissa in [0.5, 1)
        if (mantissa == 0.5) --value_bits;                         // an exact power of two
    } else {
        return 0;
    }
    return 62 - term_bits - value_bits;
}

std::int64_t to_fixed_point(double term, int exponent) { return std::llrint(std::ldexp(term, exponent)); }

double from_fixed_point(std::int64_t sum, int exponent) { return std::ldexp(static_cast<double>(sum), -exponent); }

}  // namespace kohort::parallel

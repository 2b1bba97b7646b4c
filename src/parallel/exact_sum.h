// Floating-point sums that do not depend on order: each term is rounded once to a grid of 2^-exponent and added
// in int64. The grid is fine enough that no sum of `terms` terms of at most `largest` can overflow.
#pragma once

#include <cstdint>
#include <span>

namespace kohort::parallel {

// The largest e for which terms * largest * 2^e < 2^62; a power of two, so scaling a double is exact.
// terms >= 1 is the global number of terms; largest >= 0 is finite and the global maximum of |term|.
int fixed_point_exponent(std::int64_t terms, double largest);

// round-half-even(term * 2^exponent). |term| must not exceed the `largest` the exponent was made for.
std::int64_t to_fixed_point(double term, int exponent);

// sum * 2^-exponent, rounded once.
double from_fixed_point(std::int64_t sum, int exponent);

}  // namespace kohort::parallel

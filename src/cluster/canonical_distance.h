// The one distance that decides: a label is the argmin of this function, whatever faster arithmetic was tried
// before it. Its order of operations is fixed and uses no fused multiply-add, so every machine gives its bits.
#pragma once

#include <cstdint>

namespace kohort::cluster {

// The squared Euclidean distance of x [d] and c [d]: the sum over j of ((double)x_j - (double)c_j)^2, the term j
// added in order to accumulator j mod 8, and the eight accumulators a added as ((a0+a1)+(a2+a3))+((a4+a5)+(a6+a7)).
// Not negative; at most d * 2^258, so never infinite for finite rows.
double canonical_distance(const float* x, const float* c, std::int64_t d);

// A float that is at least the Euclidean norm of x [d]: 0 for a zero vector, otherwise at most 1 + 2^-20 times the
// norm, but never subnormal; infinite where the norm exceeds the range of a float.
float norm_bound(const float* x, std::int64_t d);

}  // namespace kohort::cluster

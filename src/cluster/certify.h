// When the float32 kernels may be believed: a proven bound on their error, so that a label taken from them is the
// canonical one. Rows it cannot settle are decided by canonical_distance().
//
// Notation: u = 2^-24, w = 2^-53, g(n, e) = n e / (1 - n e), the bound on the relative error of n roundings of size e
// (Higham 2002, lemma 3.1). d dimensions, L = chunk_dimensions, M = ceil(d / L) chunks. C >= ||c|| for every
// centroid, X >= ||x|| for the row. D = ||x - c||^2 exactly, and D - ||x||^2 = n - 2 <x, c> with n = ||c||^2.
//
// 1. The kernel computes v = (sum of M chunk sums of x_j * (-2 c_j)) + fl(n). Doubling is exact. A product passes its
//    own rounding (none where it is fused), at most L - 1 in its chunk, M - 1 between chunks and 1 at the end, so
//        |v - (n - 2 <x, c>)| <= g(L + M, u) * 2 sum |x_j c_j| + g(3, u) n
//    where the 3 are the last addition, the rounding of n to float, and one to spare for n's double arithmetic
//    ((d + 1) roundings of size w are below u for d < 2^28). With Cauchy and Schwarz, and 2^-126 for each of at most
//    2 d + 4 operations that may underflow (flushed to zero or not),
//        |v - (D - ||x||^2)| <= B = g(L + M, u) * 2 X C + g(3, u) C^2 + (2 d + 4) 2^-126.
//    This needs no intermediate to overflow, which X, C < 2^60 ensures. Where lanes run along the dimensions
//    (tile_kernel_narrow.h, 16 <= d <= 2048) a product passes at most ceil(d / 16) + 4 + 1 roundings, which is fewer.
// 2. The canonical distance K sums terms that are not negative, each with three roundings (the difference counts
//    twice when squared, the square once), at most ceil(d / 8) + 3 additions a term:
//        |K - D| <= g(ceil(d / 8) + 6, w) D,  and  D <= (X + C)^2.
// 3. Hence K - ||x||^2 is within E = B + g(ceil(d / 8) + 6, w) (X + C)^2 of v, and v(b) - v(a) > 2 E implies
//    K(a) < K(b): a centroid whose v is more than 2 E above the smallest v is not nearest, and one more than 2 E
//    above the second smallest v is not among the nearest two.
#pragma once

#include <cstdint>

namespace kohort::cluster {

class CertifiedGap {
  public:
    // largest_centroid_norm: C, by norm_bound().
    CertifiedGap(std::int64_t dimensions, double largest_centroid_norm);

    // At least 2 E for a row of norm <= row_norm; infinite where the kernel may overflow.
    double operator()(double row_norm) const;

  private:
    double centroid_norm_, product_factor_, constant_, distance_factor_;
};

}  // namespace kohort::cluster

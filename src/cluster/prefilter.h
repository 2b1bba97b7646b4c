// A first look at rows in bfloat16, twice as fast as float32: most centroids cannot be nearest to a row, and that can
// be proven from coarse numbers. What is left is compared in float32, and what float32 cannot settle canonically. The
// answers are those of DistanceKernel without it.
//
// Notation as in certify.h. m is any common centre (the mean of the centroids here: what lies far from the origin
// would lose its bits), x' = x - m and c' = c - m exactly, a and b the rounded vectors that are multiplied instead of
// x' and c'. X' >= ||x'||, A >= ||a||, C' >= ||c'|| and B >= ||b|| for every centroid; r >= ||x' - a|| and
// q >= ||c' - b|| for every centroid, all computed and not estimated.
//
// 1. Distances do not depend on the centre: D = ||x'||^2 - 2 <x', c'> + ||c'||^2. Multiplying a by b instead changes
//        <x', c'> - <a, b> = <x' - a, c'> + <a, c' - b>,   at most r C' + A q in size.
// 2. Products of bfloat16 numbers are exact in float32. The machine's pairwise product rounds at most twice for each
//    dimension, so the sum over chunks passes at most 2 (L + M) roundings, 2^-24 each, and may lose 2^-126 an
//    operation where it flushes subnormal numbers:
//        |w - (D - ||x'||^2)| <= F = 2 (r C' + A q) + g(2 (L + M), u) 2 A B + g(3, u) C'^2 + (4 d + 4) 2^-126.
// 3. With the canonical distance K (certify.h, step 2) as before, E = F + g(ceil(d / 8) + 6, w) (X' + C')^2: a
//    centroid whose w is more than 2 E above the smallest w is not nearest. E also bounds the distances themselves:
//    D is within E of w + ||x'||^2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/prefilter_kernel.h"

namespace kohort::cluster {

// Whether this machine multiplies bfloat16 numbers.
bool machine_has_bf16();

class Prefilter {
  public:
    // centroids: [k, dimensions]. Needs machine_has_bf16().
    Prefilter(std::span<const float> centroids, std::int64_t dimensions);

    // What is left of some rows, one element a row.
    struct Found {
        struct Bounds {
            bool usable;               // false: too many centroids are left, or numbers too large for the proof
            double at_most, at_least;  // w + at_most >= D >= w + at_least for every centroid
        };
        std::vector<Bounds> bounds;
        std::vector<Shortlist> lists;
        std::vector<float> gaps;
        std::vector<std::uint16_t> halves;  // the rows in bfloat16
    };
    // rows: [count, dimensions], count in [1, block_rows]. `found` is memory that calls of one thread may share.
    void look(const float* rows, std::int64_t count, Found& found) const;

    const PrefilterKernel& kernel() const { return *kernel_; }

  private:
    // The bounds of one row, and the gap within which centroids are to be listed.
    float bound(const Bf16Row& converted, Found::Bounds& bounds) const;

    const PrefilterKernel* kernel_;
    std::int64_t dimensions_, pairs_;
    std::vector<float> centre_, norms_;
    std::vector<std::uint16_t> panels_;
    double largest_norm_ = 0, largest_rounded_ = 0, largest_residual_ = 0;  // C', B, q
    // Of step 2 and 3: factors of r and of A, what does not depend on the row, and of (X' + C')^2.
    double residual_factor_ = 0, rounded_factor_ = 0, constant_ = 0, canonical_factor_ = 0;
    double lane_error_ = 0, tiny_ = 0;  // of the sums that convert() returns; see tiny_norm()
    bool usable_;  // no centroid is too large for the proof
};

}  // namespace kohort::cluster

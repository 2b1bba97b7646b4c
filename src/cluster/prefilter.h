// A first look at rows in coarse numbers, bfloat16 or int8, which processors with instructions for them multiply several
// times as fast as float32 (but bfloat16 in registers more slowly on those that have tiles): most centroids cannot be
// nearest to a row, and that can be proven from coarse numbers. What is left is compared in float32, and what float32 cannot
// settle canonically. The answers are those of DistanceKernel without it.
//
// Notation as in certify.h. m is any common centre (the mean of the centroids here: what lies far from the origin
// would lose its bits), x' = x - m and c' = c - m exactly, a and b the rounded vectors that are multiplied instead of
// x' and c': in bfloat16 each component is rounded, in int8 it is the nearest multiple of a step, which is the vector's
// largest component through 127. X' >= ||x'|| and A >= ||a||, and for each centroid C >= ||c'|| and B >= ||b||;
// r >= ||x' - a||, and q >= ||c' - b|| for each centroid, all computed and not estimated.
//
// 1. Distances do not depend on the centre: D = ||x'||^2 - 2 <x', c'> + ||c'||^2. Multiplying a by b instead changes
//        <x', c'> - <a, b> = <x' - a, c'> + <a, c' - b>,   at most r C + A q in size.
// 2. Products of bfloat16 numbers are exact in float32. The machine's pairwise product rounds at most twice for each
//    dimension, so the sum over M = ceil(d / L) chunks of L = coarse_chunk_dimensions passes at most 2 (L + M) roundings of
//    u; in tiles (prefilter_tiles.h) it is at most 17 + ceil(d / 32) of them. The sum of products of int8 is an exact
//    integer of 32 bits while d 128 127 < 2^31 (and what overflows on the way comes back); making it a float and multiplying
//    by both steps are 3 roundings. With n the larger of 2 (L + M) and, in tiles, 17 + ceil(d / 32), G = g(n, u) or g(3, u),
//    and 2^-126 for each operation that flushes a subnormal number (in int8 multiplied by a step of the row, which is
//    below A), a centroid has
//        |w - (D - ||x'||^2)| <= E + e,   E = 2 (r C + A q) + G 2 A B = r P + A Q,
//        P = 2 C,  Q = 2 q + 2 G B + 2^-120,   e = g(3, u) max C^2 + (4 d + 8) 2^-126.
// 3. The canonical distance K (certify.h, step 2) is within g(ceil(d / 8) + 6, w) (X' + max C)^2 of D, and computing
//    w - E and w + E in float32 costs another u (|w| + E); both go into e. Then a centroid whose w - E is more than 2 e
//    above the smallest w + E is not nearest, and D is at least w - E - e + ||x'||^2 and at most w + E + e + ||x'||^2.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/aligned_vector.h"
#include "cluster/prefilter_kernel.h"

namespace kohort::cluster {

enum class CoarseFormat { bf16, int8 };

std::string_view format_name(CoarseFormat format);
// Whether this machine multiplies such numbers.
bool machine_has(CoarseFormat format);

class Prefilter {
  public:
    // centroids: [k, dimensions]. Needs machine_has(format); in_tiles needs base::amx_usable() besides. threads: that round them.
    Prefilter(std::span<const float> centroids, std::int64_t dimensions, CoarseFormat format, bool in_tiles = false,
              int threads = 1);

    // What is left of some rows, one element a row.
    struct Found {
        bool usable(std::int64_t row) const { return lists[static_cast<std::size_t>(row)].count > 0; }
        std::vector<Shortlist> lists;           // no count: too many centroids are left, or numbers too large for the proof
        std::vector<double> at_most, at_least;  // the list's most + at_most >= D of the nearest; least and rest + at_least <= D
        std::vector<std::uint32_t> words;
        std::vector<float> steps, sizes, residuals, gaps;  // of CoarseRows
    };
    // rows: [count, dimensions], count in [1, block_rows]. `found` is memory that calls of one thread may share.
    void look(const float* rows, std::int64_t count, Found& found) const;

    CoarseFormat format() const { return format_; }
    bool in_tiles() const { return in_tiles_; }
    const PrefilterKernel& kernel() const { return kernel_; }

  private:
    struct Sizes {
        double norm, rounded;  // C and B
    };
    // Puts a centroid into its panel and its bounds; arithmetic: G.
    Sizes round_centroid(const float* values, std::int64_t c, double arithmetic);

    CoarseFormat format_;
    bool in_tiles_;
    PrefilterKernel kernel_;
    std::int64_t dimensions_, words_;
    base::AlignedVector<float> centre_, scales_, norms_, reach_, spread_;
    base::AlignedVector<std::uint32_t> panels_;
    base::AlignedVector<std::int32_t> starts_;
    RowBoundFactors factors_{};
    bool usable_;                                 // no centroid is too large for the proof
};

}  // namespace kohort::cluster

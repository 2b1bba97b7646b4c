// The bfloat16 kernel behind Prefilter: which centroids can be nearest to a row at all. It computes
//     w(i, c) = ||c'||^2 - 2 <b(x'_i), b(c')>
// with x' = x - m and c' = c - m for a common centre m, and b() the rounding to bfloat16, and keeps of each row the
// centroids whose w is within a given gap of the row's smallest. prefilter.h proves what gap is enough.
#pragma once

#include <cstdint>

#include "cluster/tile_kernel.h"

namespace kohort::cluster {

// Centroids in bfloat16: -2c' for each, in panels of `wide` neighbours; a panel holds [pairs of dimensions, wide, 2].
// Columns past the last centroid are zero with an infinite norm; an odd dimension is padded with zeros.
struct Bf16View {
    const std::uint16_t* panels;
    const float* norms;    // ||c'||^2 rounded to float, [columns]
    std::int64_t columns;  // a multiple of `wide`
    std::int64_t pairs;    // of dimensions
};

// What is left of a row's centroids.
struct Shortlist {
    static constexpr int capacity = 64;
    std::int32_t count;  // -1: more than fit
    std::int32_t ids[capacity + 16];  // ascending; a whole register is stored at its end
    float values[capacity + 16];
    float rest;  // the smallest w among the centroids that are not listed
};

// What rounding a row has cost, as plain float32 sums: in sixteen lanes, then over these.
struct Bf16Row {
    float square;    // sum of x'_j^2
    float residual;  // sum of (x'_j - b(x'_j))^2
};

struct PrefilterKernel {
    int wide;  // columns of a panel
    // out [2 * pairs] = b(row - centre), padded with zeros.
    Bf16Row (*convert)(const float* row, const float* centre, std::int64_t dimensions, std::uint16_t* out);
    // rows: [count, 2 * pairs] with count in [1, block_rows]; gaps, lists: [count].
    void (*shortlists)(const std::uint16_t* rows, std::int64_t count, const Bf16View& centroids, const float* gaps,
                       Shortlist* lists);
    // values[i] = v(row, ids[i]) as the float32 kernels define it, with at most as many roundings in a row.
    // centroids: [k, dimensions]; norms: those of the PackedView.
    void (*values)(const float* row, std::int64_t dimensions, const float* centroids, const float* norms,
                   const std::int32_t* ids, std::int64_t count, float* values);
};

#if defined(__x86_64__)
extern const PrefilterKernel prefilter_kernel_avx512;  // needs AVX-512 F, DQ, BW and BF16
#endif

}  // namespace kohort::cluster

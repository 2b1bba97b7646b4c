// The kernels behind Prefilter: which centroids can be nearest to a row at all, one table of functions for each format
// that rows and centroids are rounded to. With x' = x - m and c' = c - m for a common centre m, a and b what they are
// rounded to, a kernel computes
//     w(i, c) = ||c'||^2 - 2 <a_i, b_c>   and   E(i, c) = A_i Q_c + r_i P_c,
// and lists of each row the centroids whose w - E is within a given gap of the row's smallest w + E. prefilter.h
// proves what A, Q, r, P and the gap must be.
#pragma once

#include <cstdint>

#include "cluster/tile_kernel.h"

namespace kohort::cluster {

// Rounded numbers are handled in words of 32 bits: two of bfloat16 or four of int8. A row is [words]; the centroids
// are in panels of `wide` neighbours, each [words, wide].
struct CoarseView {
    const std::uint32_t* panels;
    const std::int32_t* starts;  // what sums of products begin with: int8: because rows are a + 128; else zero. All arrays: [columns]
    const float* scales;   // int8: -2 times the size of a step
    const float* norms;    // ||c'||^2 rounded to float; infinite past the last centroid
    const float* reach;    // P
    const float* spread;   // Q
    std::int64_t columns;  // a multiple of `wide`
    std::int64_t words;    // of a row
};

// Products of bfloat16 are summed in chunks of this many dimensions, as float32's are.
inline constexpr std::int64_t coarse_chunk_dimensions = 128;

// What is nowhere larger than this is rounded to nothing in int8.
inline constexpr float int8_smallest = 0x1p-100f;

// Rows less the centre, rounded, and what that came to. The sums are plain float32 sums: in sixteen lanes, then over these.
struct ConvertedRows {
    std::uint32_t* words;  // [count, words of a row], filled up with zeros
    float* steps;          // int8: the size of a step. All below: [count]
    float* squares;        // sum of x'_j^2
    float* residuals;      // sum of (x'_j - a_j)^2
};

// What the bounds of a row are made of; prefilter.cpp says why.
inline constexpr double bound_slack = 1 + 0x1p-20;  // for the double arithmetic of the bounds themselves
struct RowBoundFactors {
    double norm, least, residual;  // times the root of a sum that was rounded: at least, at most, at least what it should be
    double tiny;                   // what is flushed to zero
    double largest_norm, largest_rounded, largest_reach, largest_spread;  // over all centroids
    double constant, canonical;    // of e
};
// All [count].
struct RowBounds {
    float* __restrict sizes;      // A
    float* __restrict residuals;  // r
    float* __restrict gaps;
    double* __restrict at_most;   // most + at_most >= D
    double* __restrict at_least;  // least + at_least <= D
};

// Rows as they were rounded, and what is known of them, one element a row.
struct CoarseRows {
    const std::uint32_t* words;  // [count, words of a row]
    const float* steps;          // int8: the size of a step
    const float* sizes;          // A
    const float* residuals;      // r
    const float* gaps;
    const float* next;         // rows that come next, not yet rounded: fetched meanwhile; null: none
    std::int64_t dimensions;   // of those
};

// What is left of a row's centroids.
struct Shortlist {
    static constexpr int capacity = 64;
    std::int32_t count;          // -1: more than fit
    std::int32_t ids[capacity];  // ascending
    float least[capacity];       // w - E; not where all centroids are in one panel, when the limit is known at once
    float most;                  // the smallest w + E of all
    float rest;                  // the smallest w - E among the centroids that are not listed
};

struct PrefilterKernel {
    int wide;           // columns of a panel
    int word_elements;  // dimensions in a word
    std::int64_t word_step;   // a row has a multiple of so many words, those past its end zero
    std::int64_t least_rows;  // so many rows can be read, whatever stands there, where a call hands in fewer
    // rows: [count, dimensions]; centre: [dimensions].
    void (*convert)(const float* rows, std::int64_t count, const float* centre, std::int64_t dimensions,
                    const ConvertedRows& out);
    // From the squares and residuals of converted rows.
    void (*bound_rows)(const RowBoundFactors& factors, std::int64_t count, const float* squares, const float* residuals,
                       RowBounds bounds);
    // count in [1, block_rows]; lists: [count].
    void (*shortlists)(const CoarseRows& rows, std::int64_t count, const CoarseView& centroids, Shortlist* lists);
    // values[i] = v(row, ids[i]) as the float32 kernels define it, with at most as many roundings in a row.
    // centroids: [k, dimensions]; norms: those of the PackedView.
    void (*values)(const float* row, std::int64_t dimensions, const float* centroids, const float* norms,
                   const std::int32_t* ids, std::int64_t count, float* values);
};

#if defined(__x86_64__)
// The kernel for so many centroids.
PrefilterKernel prefilter_kernel_bf16(std::int64_t clusters);  // needs AVX-512 F, DQ, BW, VL and BF16
PrefilterKernel prefilter_kernel_int8(std::int64_t clusters);  // needs AVX-512 F, DQ, BW, VL and VNNI
// The same, multiplied in tiles: what those need, and base::amx_usable().
PrefilterKernel prefilter_kernel_bf16_tiles(std::int64_t clusters);
PrefilterKernel prefilter_kernel_int8_tiles(std::int64_t clusters);
#endif

}  // namespace kohort::cluster

// The float32 inner kernels behind DistanceKernel, one table of functions for each instruction set. They compute
//     v(i, c) = ||c||^2 - 2 <x_i, c>,
// which orders centroids as the distance does, for a block of rows against all centroids, and keep the best few
// values of a row: no [rows, clusters] matrix ever exists. How far v may be off is proven in certify.h.
#pragma once

#include <cstdint>

namespace kohort::cluster {

// Products are summed in chunks of this many dimensions, and the chunks' sums one after another: fewer roundings in
// a row than one long sum has, hence a tighter bound ("superblock" dot products: Castaldo et al. 2008).
inline constexpr std::int64_t chunk_dimensions = 256;
// The most rows a call may hand in.
inline constexpr std::int64_t block_rows = 128;

// Centroids as PackedCentroids lays them out: -2c for each, in panels of `wide` neighbouring centroids (the last panel
// as narrow as whole vectors allow); a panel holds [d, its width] floats. Columns past the last centroid are zero with
// an infinite norm.
// At most so many centroids, of so many dimensions, are multiplied with lanes along the dimensions where a kernel has
// sixteen lanes: tile_kernel_narrow.h.
inline constexpr int narrow_lanes = 16, narrow_most_centroids = 12;
inline constexpr std::int64_t narrow_least_dimensions = 16, narrow_dimensions = 2048;

struct PackedView {
    const float* panels;
    const float* norms;    // ||c||^2 rounded to float, [columns]
    std::int64_t columns;  // a multiple of the lanes
    std::int64_t dimensions;
    const float* narrow;  // -2c one after another, each filled up with zeros to whole registers; null: there are panels
    std::int64_t narrow_centroids;  // in `narrow`, filled up to an even number, four at least
};

struct RowBest {
    float first, second, third;  // the smallest values in ascending order; third only by best_three
    std::int32_t first_id, second_id;  // second_id only by best_three
};

struct TileKernel {
    int lanes;  // floats in a vector register
    int wide;   // columns of a full panel
    bool narrow;  // multiplies few centroids as `narrow` holds them
    // rows: [count, d] with count in [1, block_rows]; best: [count].
    void (*best_two)(const float* rows, std::int64_t count, const PackedView& centroids, RowBest* best);
    void (*best_three)(const float* rows, std::int64_t count, const PackedView& centroids, RowBest* best);
    // Calls found(context, row, id) for every centroid with v(row, id) <= limits[row], for each row in ascending
    // order of id; v has the same bits as in the other two.
    void (*near)(const float* rows, std::int64_t count, const PackedView& centroids, const float* limits,
                 void (*found)(void* context, std::int32_t row, std::int32_t id), void* context);
};

extern const TileKernel tile_kernel_portable;  // four lanes, any machine
#if defined(__x86_64__)
extern const TileKernel tile_kernel_avx2;    // eight lanes; needs AVX2 and FMA
extern const TileKernel tile_kernel_avx512;  // sixteen lanes; needs AVX-512 F and DQ
#endif

}  // namespace kohort::cluster

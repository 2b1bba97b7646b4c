// The float32 products where there are only a few centroids: the lanes of a register run along the dimensions instead
// of over the centroids, of which there are too few to fill one. Each product is summed in sixteen lanes and then over
// these, (l, l + 8), (l, l + 4), (l, l + 2), (l, l + 1), wherever the centroid and the row stand: at most 128 + 4 roundings
// in a row where there are at most narrow_dimensions, which certify.h allows. The lanes of sixteen rows are summed
// together, which leaves one row a lane for what follows. Written like tile_kernel_impl.h, and for its use.
#pragma once

#include <immintrin.h>

#include "cluster/tile_kernel.h"

namespace kohort::cluster {
namespace {

using Floats16 = float __attribute__((vector_size(64)));

// The sums over the lanes of t[0..16), one a lane. Each step adds the halves of what is left and puts two vectors into
// one: one shuffle a vector in all, of which a processor does one a cycle.
[[gnu::always_inline]] inline Floats16 sums_of_sixteen(const Floats16* t) {
    Floats16 a[8];  // halves of t[i] and of t[i + 8]
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i)
        a[i] = __builtin_shufflevector(t[i], t[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31) +
               __builtin_shufflevector(t[i], t[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23);
    Floats16 b[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
        b[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 20, 21, 22, 23, 8, 9, 10, 11, 28, 29, 30, 31) +
               __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 24, 25, 26, 27);
    Floats16 c[2];
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i)
        c[i] = __builtin_shufflevector(b[i], b[i + 2], 0, 1, 18, 19, 4, 5, 22, 23, 8, 9, 26, 27, 12, 13, 30, 31) +
               __builtin_shufflevector(b[i], b[i + 2], 2, 3, 16, 17, 6, 7, 20, 21, 10, 11, 24, 25, 14, 15, 28, 29);
    return __builtin_shufflevector(c[0], c[1], 0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31) +
           __builtin_shufflevector(c[0], c[1], 1, 16, 3, 18, 5, 20, 7, 22, 9, 24, 11, 26, 13, 28, 15, 30);
}

// centroids: so many that their products with `rows` rows fit the registers. rows: a divisor of sixteen.
template <int centroids, int rows>
struct NarrowTile {
    using Loose16 = float __attribute__((vector_size(64), aligned(4), may_alias));
    static constexpr int lanes = narrow_lanes;

    // sums [centroids, lanes]: the unsummed products of x[r] with each centroid to its place r.
    // packed: as PackedView::narrow.
    [[gnu::noinline]] static void multiply(const float* const* x, std::int64_t d, const float* packed, Floats16* sums) {
        constexpr std::int64_t ahead = 2048;  // floats: the rows that come next are on their way to the second-level cache
        const std::int64_t whole = d / lanes * lanes, stride = (d + lanes - 1) / lanes * lanes;
        Floats16 held[rows][centroids] = {};
        const auto step = [&](const Floats16* values, std::int64_t j) __attribute__((always_inline)) {
#pragma GCC unroll 12
            for (int c = 0; c < centroids; ++c) {
                Floats16 centroid = *reinterpret_cast<const Loose16*>(packed + c * stride + j);
                __asm__("" : "+v"(centroid));  // loaded once, not for every row
#pragma GCC unroll 4
                for (int r = 0; r < rows; ++r) held[r][c] += values[r] * centroid;
            }
        };
        for (std::int64_t j = 0; j < whole; j += lanes) {
            Floats16 values[rows];
#pragma GCC unroll 4
            for (int r = 0; r < rows; ++r) {
                values[r] = *reinterpret_cast<const Loose16*>(x[r] + j);
                __builtin_prefetch(x[r] + j + ahead, 0, 2);
            }
            step(values, j);
        }
        if (whole < d) {
            const auto tail = static_cast<__mmask16>((1u << (d - whole)) - 1);
            Floats16 values[rows];
#pragma GCC unroll 4
            for (int r = 0; r < rows; ++r) values[r] = reinterpret_cast<Floats16>(_mm512_maskz_loadu_ps(tail, x[r] + whole));
            step(values, whole);
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 12
            for (int c = 0; c < centroids; ++c) sums[c * lanes + r] = held[r][c];
    }

    // As multiply_narrow().
    static void multiply_rows(const float* first_row, std::int64_t count, const PackedView& view, Floats16* values) {
        const std::int64_t d = view.dimensions;
        Floats16 sums[centroids * lanes];
        for (std::int64_t row = 0; row < lanes; row += rows) {
            const float* x[rows];
            for (int r = 0; r < rows; ++r)  // past the last row it is computed again
                x[r] = first_row + (row + r < count ? row + r : count - 1) * d;
            multiply(x, d, view.narrow, sums + row);
        }
        for (int c = 0; c < centroids; ++c) values[c] = sums_of_sixteen(sums + c * lanes) + view.norms[c];
    }
};

// values[c]: v(row, c) for each of the view's centroids, one row a lane; count: rows, at most as many as there are lanes.
inline void multiply_narrow(const float* rows, std::int64_t count, const PackedView& view, Floats16* values) {
    if (view.narrow_centroids <= 4) NarrowTile<4, 4>::multiply_rows(rows, count, view, values);
    else if (view.narrow_centroids <= 6) NarrowTile<6, 4>::multiply_rows(rows, count, view, values);
    else if (view.narrow_centroids <= 8) NarrowTile<8, 2>::multiply_rows(rows, count, view, values);
    else if (view.narrow_centroids <= 10) NarrowTile<10, 2>::multiply_rows(rows, count, view, values);
    else NarrowTile<12, 2>::multiply_rows(rows, count, view, values);
}

}  // namespace
}  // namespace kohort::cluster

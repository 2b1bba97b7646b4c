// The float32 products where there are only a few centroids: the lanes of a register run along the dimensions instead
// of over the centroids, of which there are too few to fill one. Each product is summed in sixteen lanes and then over
// these, (l, l + 8), (l, l + 4), (l, l + 2), (l, l + 1), wherever the centroid stands: at most 128 + 4 roundings in a row
// where there are at most narrow_dimensions, which certify.h allows. Written like tile_kernel_impl.h, and for its use.
#pragma once

#include <immintrin.h>

#include "cluster/tile_kernel.h"

namespace kohort::cluster {
namespace {

using Floats4 = float __attribute__((vector_size(16)));
using Floats8 = float __attribute__((vector_size(32)));
using Floats16 = float __attribute__((vector_size(64)));

// centroids: so many that their products with `rows` rows fit the registers.
template <int centroids, int rows>
struct NarrowTile {
    using Loose16 = float __attribute__((vector_size(64), aligned(4), may_alias));
    using Loose8 = float __attribute__((vector_size(32), aligned(4), may_alias));
    using Loose4 = float __attribute__((vector_size(16), aligned(4), may_alias));
    static constexpr int lanes = narrow_lanes;

    // The lanes of t[0..8), summed: a, b, c, … of vectors a, b, c, …
    [[gnu::always_inline]] static Floats8 sums_of_eight(const Floats8* t) {
        Floats8 a[4];  // quarters of t[i] and t[i + 4]
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i)
            a[i] = __builtin_shufflevector(t[i], t[i + 4], 0, 1, 2, 3, 8, 9, 10, 11) +
                   __builtin_shufflevector(t[i], t[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
        Floats8 b[2];
#pragma GCC unroll 2
        for (int i = 0; i < 2; ++i)
            b[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
                   __builtin_shufflevector(a[2 * i], a[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
        return __builtin_shufflevector(b[0], b[1], 0, 2, 8, 10, 4, 6, 12, 14) +
               __builtin_shufflevector(b[0], b[1], 1, 3, 9, 11, 5, 7, 13, 15);
    }

    [[gnu::always_inline]] static Floats4 sums_of_four(const Floats8* t) {
        Floats4 a[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i)
            a[i] = __builtin_shufflevector(t[i], t[i], 0, 1, 2, 3) + __builtin_shufflevector(t[i], t[i], 4, 5, 6, 7);
        Floats4 b[2];
#pragma GCC unroll 2
        for (int i = 0; i < 2; ++i)
            b[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 1, 4, 5) +
                   __builtin_shufflevector(a[2 * i], a[2 * i + 1], 2, 3, 6, 7);
        return __builtin_shufflevector(b[0], b[1], 0, 2, 4, 6) + __builtin_shufflevector(b[0], b[1], 1, 3, 5, 7);
    }

    // products [rows, lanes]: of x[r] with each centroid, zero past the last. packed: as PackedView::narrow.
    [[gnu::noinline]] static void multiply(const float* const* x, std::int64_t d, const float* packed, float* products) {
        constexpr std::int64_t ahead = 2048;  // floats: the rows that come next are on their way to the second-level cache
        const std::int64_t whole = d / lanes * lanes, stride = (d + lanes - 1) / lanes * lanes;
        Floats16 sums[rows][centroids] = {};
        const auto step = [&](const Floats16* values, std::int64_t j) __attribute__((always_inline)) {
#pragma GCC unroll 12
            for (int c = 0; c < centroids; ++c) {
                Floats16 centroid = *reinterpret_cast<const Loose16*>(packed + c * stride + j);
                __asm__("" : "+v"(centroid));  // loaded once, not for every row
#pragma GCC unroll 4
                for (int r = 0; r < rows; ++r) sums[r][c] += values[r] * centroid;
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
        for (int r = 0; r < rows; ++r) {
            Floats8 halves[12];
#pragma GCC unroll 12
            for (int c = 0; c < 12; ++c)
                halves[c] =
                    c < centroids
                        ? __builtin_shufflevector(sums[r][c < centroids ? c : 0], sums[r][0], 0, 1, 2, 3, 4, 5, 6, 7) +
                              __builtin_shufflevector(sums[r][c < centroids ? c : 0], sums[r][0], 8, 9, 10, 11, 12, 13, 14, 15)
                        : Floats8{};
            float* out = products + r * lanes;
            *reinterpret_cast<Loose8*>(out) = sums_of_eight(halves);
            *reinterpret_cast<Loose4*>(out + 8) = centroids > 8 ? sums_of_four(halves + 8) : Floats4{};
            *reinterpret_cast<Loose4*>(out + 12) = Floats4{};
        }
    }

    static void multiply_block(const float* block, std::int64_t count, std::int64_t d, const float* packed, float* products) {
        for (std::int64_t row = 0; row < count; row += rows) {
            const float* x[rows];
            for (int r = 0; r < rows; ++r)  // a tile that sticks out computes the last row again
                x[r] = block + (row + r < count ? row + r : count - 1) * d;
            multiply(x, d, packed, products + row * lanes);
        }
    }
};

// products [count, narrow_lanes] = the rows times the view's centroids. There is room for a few rows more.
inline void multiply_narrow(const float* rows, std::int64_t count, const PackedView& view, float* products) {
    const std::int64_t d = view.dimensions;
    if (view.narrow_centroids <= 4) NarrowTile<4, 4>::multiply_block(rows, count, d, view.narrow, products);
    else if (view.narrow_centroids <= 6) NarrowTile<6, 4>::multiply_block(rows, count, d, view.narrow, products);
    else if (view.narrow_centroids <= 8) NarrowTile<8, 3>::multiply_block(rows, count, d, view.narrow, products);
    else if (view.narrow_centroids <= 10) NarrowTile<10, 2>::multiply_block(rows, count, d, view.narrow, products);
    else NarrowTile<12, 2>::multiply_block(rows, count, d, view.narrow, products);
}

// The smallest of a row's values, the lowest centroid of those that have it, and the smallest of the others'.
inline RowBest best_two_of(__m512 values) {
    const float first = _mm512_reduce_min_ps(values);
    const int id = __builtin_ctz(_mm512_cmp_ps_mask(values, _mm512_set1_ps(first), _CMP_LE_OQ) | 1u << (narrow_lanes - 1));
    const float infinity = __builtin_inff();
    return {first, _mm512_reduce_min_ps(_mm512_mask_mov_ps(values, static_cast<__mmask16>(1u << id), _mm512_set1_ps(infinity))),
            infinity, id, 0};
}

}  // namespace
}  // namespace kohort::cluster

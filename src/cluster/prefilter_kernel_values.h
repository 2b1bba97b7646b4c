// What the prefilter's kernels of any format have in common: the values of the few centroids that are left of a row, in
// float32. Written like prefilter_kernel_impl.h, and for its use.
#pragma once

#include <immintrin.h>

#include "cluster/prefilter_kernel.h"

namespace kohort::cluster {
namespace {

constexpr int lanes = 16;

__mmask16 tail_mask(std::int64_t left) {
    return left >= lanes ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << left) - 1);
}

template <int number>
struct Constant {
    static constexpr int value = number;
};

// out[c] = the product of a row with each of several centroids, in one pass over the row.
template <int together>
[[gnu::always_inline]] inline void products_of(const float* row, std::int64_t dimensions, const float* const* centroids,
                                               float* out) {
    __m512 totals[together];
    for (int c = 0; c < together; ++c) totals[c] = _mm512_setzero_ps();
    for (std::int64_t begin = 0; begin < dimensions; begin += chunk_dimensions) {
        const std::int64_t end = begin + chunk_dimensions < dimensions ? begin + chunk_dimensions : dimensions;
        const std::int64_t whole = begin + (end - begin) / lanes * lanes;
        __m512 sums[together];
        for (int c = 0; c < together; ++c) sums[c] = _mm512_setzero_ps();
        for (std::int64_t j = begin; j < whole; j += lanes) {
            const __m512 value = _mm512_loadu_ps(row + j);
#pragma GCC unroll 4
            for (int c = 0; c < together; ++c) sums[c] = _mm512_fmadd_ps(value, _mm512_loadu_ps(centroids[c] + j), sums[c]);
        }
        if (whole < end) {
            const __mmask16 mask = tail_mask(end - whole);
            const __m512 value = _mm512_maskz_loadu_ps(mask, row + whole);
#pragma GCC unroll 4
            for (int c = 0; c < together; ++c)
                sums[c] = _mm512_fmadd_ps(value, _mm512_maskz_loadu_ps(mask, centroids[c] + whole), sums[c]);
        }
        for (int c = 0; c < together; ++c) totals[c] = _mm512_add_ps(totals[c], sums[c]);
    }
    for (int c = 0; c < together; ++c) out[c] = _mm512_reduce_add_ps(totals[c]);
}

void values(const float* row, std::int64_t dimensions, const float* centroids, const float* norms, const std::int32_t* ids,
            std::int64_t count, float* out) {
    // One, two or four at once, the last one again where fewer are left: how many there are is hard to guess.
    const auto some = [&](std::int64_t first, auto together) __attribute__((always_inline)) {
        const float* those[together.value];
        float products[together.value];
        for (std::int64_t c = 0; c < together.value; ++c)
            those[c] = centroids + ids[first + c < count ? first + c : count - 1] * dimensions;
        products_of<together.value>(row, dimensions, those, products);
        for (std::int64_t c = 0; c < together.value && first + c < count; ++c)
            out[first + c] = norms[ids[first + c]] - 2 * products[c];
    };
    if (count == 1) some(0, Constant<1>());
    else if (count == 2) some(0, Constant<2>());
    else for (std::int64_t first = 0; first < count; first += 4) some(first, Constant<4>());
}

}  // namespace
}  // namespace kohort::cluster

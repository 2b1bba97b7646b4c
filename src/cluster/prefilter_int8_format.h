// Rows in int8, for the prefilter's kernels: what prefilter_kernel_impl.h asks of a format.
#pragma once

#include "cluster/prefilter_kernel_impl.h"

namespace kohort::cluster {
namespace {

// The instruction multiplies unsigned by signed numbers: rows are held as a + 128, and what this adds to the products,
// 128 times the sum of a centroid's b, is taken off at the start. Sums are exact.
struct Int8Format {
    using Sum = __m512i;
    static constexpr int word_elements = 4;

    static Sum start(const std::int32_t* starts) { return _mm512_loadu_si512(starts); }
    // _mm512_dpbusd_epi32, for which GCC 12 copies the sums around and spills them.
    static Sum multiply_add(Sum sum, __m512i columns, __m512i row) {
        __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(row), "v"(columns));
        return sum;
    }
    static Sum load(const void* place) { return _mm512_load_si512(place); }
    static void store(void* place, Sum sum) { _mm512_store_si512(place, sum); }
    static Sum add(Sum a, Sum b) { return _mm512_add_epi32(a, b); }
    static __m512 value(Sum sum, __m512 scales, __m512 step, __m512 norms) {
        return _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), scales), step, norms);
    }

    // Sixteen dimensions of a row less the centre, and what they add.
    struct Sums {
        __m512 squares = _mm512_setzero_ps(), residuals = _mm512_setzero_ps(), sizes = _mm512_setzero_ps();
    };
    [[gnu::always_inline]] static void measure(Sums& sums, __m512 value) {
        sums.squares = _mm512_fmadd_ps(value, value, sums.squares);
        sums.sizes = _mm512_max_ps(sums.sizes, _mm512_abs_ps(value));
    }
    // Adding 1.5 2^23 rounds to a whole number and leaves it, 128 more, in the lowest byte.
    [[gnu::always_inline]] static __m128i rounded(Sums& sums, __m512 value, __m512 step, __m512 steps) {
        const __m512 shift = _mm512_set1_ps(0x1.8p23f + 128);
        const __m512 shifted = _mm512_fmadd_ps(value, steps, shift);
        const __m512 residual = _mm512_fnmadd_ps(_mm512_sub_ps(shifted, shift), step, value);
        sums.residuals = _mm512_fmadd_ps(residual, residual, sums.residuals);
        return _mm512_cvtepi32_epi8(_mm512_castps_si512(shifted));
    }

    static CoarseRow convert(const float* row, const float* centre, std::int64_t dimensions, std::uint32_t* out) {
        Sums sums;
        const std::int64_t whole = dimensions / lanes * lanes, left = dimensions - whole;
        const __mmask16 tail = tail_mask(left);
        for (std::int64_t j = 0; j < whole; j += lanes) measure(sums, centred(row, centre, j));
        if (left > 0) measure(sums, centred(row, centre, whole, tail));
        // Below the smallest step everything is a residual.
        const float largest = _mm512_reduce_max_ps(sums.sizes);
        const float step = largest >= int8_smallest ? largest / 127 : 0, steps = largest >= int8_smallest ? 127 / largest : 0;
        const __m512 step_of = _mm512_set1_ps(step), steps_of = _mm512_set1_ps(steps);
        auto* bytes = reinterpret_cast<std::uint8_t*>(out);
        for (std::int64_t j = 0; j < whole; j += lanes)
            _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + j), rounded(sums, centred(row, centre, j), step_of, steps_of));
        if (left > 0)  // up to a whole word: panels are zero there
            _mm_mask_storeu_epi8(bytes + whole, tail_mask((left + 3) / 4 * 4),
                                 rounded(sums, centred(row, centre, whole, tail), step_of, steps_of));
        return {step, _mm512_reduce_add_ps(sums.squares), _mm512_reduce_add_ps(sums.residuals)};
    }
};

}  // namespace
}  // namespace kohort::cluster

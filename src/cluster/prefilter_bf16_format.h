// Rows in bfloat16, for the prefilter's kernels: what prefilter_kernel_impl.h asks of a format.
#pragma once

#include "cluster/prefilter_kernel_impl.h"

namespace kohort::cluster {
namespace {

struct Bf16Format {
    using Sum = __m512;
    static constexpr int word_elements = 2;

    static Sum start(const std::int32_t*) { return _mm512_setzero_ps(); }
    static Sum multiply_add(Sum sum, __m512i columns, __m512i row) {
        return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(columns), reinterpret_cast<__m512bh>(row));
    }
    static Sum load(const void* place) { return _mm512_load_ps(place); }
    static void store(void* place, Sum sum) { _mm512_store_ps(place, sum); }
    static Sum add(Sum a, Sum b) { return _mm512_add_ps(a, b); }
    static __m512 value(Sum sum, __m512, __m512, __m512 norms) { return _mm512_fmadd_ps(sum, _mm512_set1_ps(-2), norms); }

    static CoarseRow convert(const float* row, const float* centre, std::int64_t dimensions, std::uint32_t* out) {
        __m512 squares = _mm512_setzero_ps(), residuals = _mm512_setzero_ps();
        for (std::int64_t j = 0; j < dimensions; j += lanes) {
            const __mmask16 mask = tail_mask(dimensions - j);
            const __m512 value = centred(row, centre, j, mask);
            const __m256i half = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value));
            const __m512 back = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
            const __m512 residual = _mm512_sub_ps(value, back);
            squares = _mm512_fmadd_ps(value, value, squares);
            residuals = _mm512_fmadd_ps(residual, residual, residuals);
            // With a zero after an odd number of dimensions.
            _mm256_mask_storeu_epi16(reinterpret_cast<std::uint16_t*>(out) + j, tail_mask((dimensions + 1) / 2 * 2 - j), half);
        }
        return {1, _mm512_reduce_add_ps(squares), _mm512_reduce_add_ps(residuals)};
    }
};

}  // namespace
}  // namespace kohort::cluster

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

    static CoarseRow convert(const float* row, const float* centre, std::int64_t dimensions, std::uint32_t* out) {
        __m512 squares = _mm512_setzero_ps(), residuals = _mm512_setzero_ps(), sizes = _mm512_setzero_ps();
        for (std::int64_t j = 0; j < dimensions; j += lanes) {
            const __m512 value = centred(row, centre, j, tail_mask(dimensions - j));
            squares = _mm512_fmadd_ps(value, value, squares);
            sizes = _mm512_max_ps(sizes, _mm512_abs_ps(value));
        }
        // Below the smallest step everything is a residual.
        const float largest = _mm512_reduce_max_ps(sizes);
        const float step = largest >= int8_smallest ? largest / 127 : 0, steps = largest >= int8_smallest ? 127 / largest : 0;
        const __m512 step_of = _mm512_set1_ps(step), steps_of = _mm512_set1_ps(steps);
        for (std::int64_t j = 0; j < dimensions; j += lanes) {
            const __m512 value = centred(row, centre, j, tail_mask(dimensions - j));
            const __m512i number = _mm512_cvtps_epi32(_mm512_mul_ps(value, steps_of));
            const __m512 residual = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(number), step_of, value);
            residuals = _mm512_fmadd_ps(residual, residual, residuals);
            _mm_mask_storeu_epi8(reinterpret_cast<std::uint8_t*>(out) + j, tail_mask((dimensions + 3) / 4 * 4 - j), // up to a whole word: panels are zero there
                                 _mm512_cvtepi32_epi8(_mm512_add_epi32(number, _mm512_set1_epi32(128))));
        }
        return {step, _mm512_reduce_add_ps(squares), _mm512_reduce_add_ps(residuals)};
    }
};

}  // namespace

PrefilterKernel prefilter_kernel_int8(std::int64_t clusters) { return kernel_for<Int8Format>(clusters); }

}  // namespace kohort::cluster

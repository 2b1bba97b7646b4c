// Compiled with -mavx512bf16 and what it needs, and run only where the machine has it. Nothing of the standard library
// is used, so that no function compiled for this instruction set can be linked into another's path.
#include <immintrin.h>

#include "cluster/prefilter_kernel.h"

namespace kohort::cluster {
namespace {

constexpr int lanes = 16, tile_rows = 6, tile_vectors = 4, wide = lanes * tile_vectors;
constexpr std::int64_t chunk_pairs = chunk_dimensions / 2;
constexpr float infinity = __builtin_inff();

__mmask16 tail_mask(std::int64_t left) {
    return left >= lanes ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << left) - 1);
}

Bf16Row convert(const float* row, const float* centre, std::int64_t dimensions, std::uint16_t* out) {
    __m512 squares = _mm512_setzero_ps(), residuals = _mm512_setzero_ps();
    for (std::int64_t j = 0; j < dimensions; j += lanes) {
        const __mmask16 mask = tail_mask(dimensions - j);
        const __m512 value = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, row + j), _mm512_maskz_loadu_ps(mask, centre + j));
        const __m256i half = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value));
        const __m512 back = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
        const __m512 residual = _mm512_sub_ps(value, back);
        squares = _mm512_fmadd_ps(value, value, squares);
        residuals = _mm512_fmadd_ps(residual, residual, residuals);
        _mm256_mask_storeu_epi16(out + j, mask, half);
    }
    if (dimensions % 2 != 0) out[dimensions] = 0;
    return {_mm512_reduce_add_ps(squares), _mm512_reduce_add_ps(residuals)};
}

// held [tile_rows, wide] (+)= x [tile_rows, pairs] times packed [pairs, wide].
template <bool first>
[[gnu::noinline]] void multiply(const std::uint16_t* const* x, std::int64_t pairs, const std::uint16_t* packed, float* held) {
    __m512 sums[tile_rows][tile_vectors] = {};
    for (std::int64_t p = 0; p < pairs; ++p, packed += 2 * wide) {
        __m512bh columns[tile_vectors];
#pragma GCC unroll 4
        for (int v = 0; v < tile_vectors; ++v)
            columns[v] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(packed + v * 2 * lanes));
#pragma GCC unroll 6
        for (int r = 0; r < tile_rows; ++r) {
            int pair;
            __builtin_memcpy(&pair, x[r] + 2 * p, sizeof pair);
            const auto both = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
#pragma GCC unroll 4
            for (int v = 0; v < tile_vectors; ++v) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], columns[v], both);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < tile_vectors; ++v) {
            float* place = held + r * wide + v * lanes;
            _mm512_store_ps(place, first ? sums[r][v] : _mm512_add_ps(_mm512_load_ps(place), sums[r][v]));
        }
}

// products [count, wide] = the block's rows times one panel, chunk by chunk, so that a chunk of the panel stays in the
// first-level cache while all rows pass by.
void multiply_panel(const std::uint16_t* rows, std::int64_t count, std::int64_t pairs, const std::uint16_t* packed, float* products) {
    for (std::int64_t begin = 0; begin < pairs; begin += chunk_pairs) {
        const std::int64_t length = pairs - begin < chunk_pairs ? pairs - begin : chunk_pairs;
        for (std::int64_t row = 0; row < count; row += tile_rows) {
            const std::uint16_t* x[tile_rows];
            for (int r = 0; r < tile_rows; ++r)  // a tile that sticks out computes the last row again
                x[r] = rows + ((row + r < count ? row + r : count - 1) * pairs + begin) * 2;
            (begin == 0 ? multiply<true> : multiply<false>)(x, length, packed + begin * 2 * wide, products + row * wide);
        }
    }
}

// Drops what is beyond the limit by now.
void shorten(Shortlist& list, float limit) {
    std::int32_t kept = 0;
    for (std::int32_t i = 0; i < list.count; ++i) {
        if (list.values[i] <= limit) {
            list.ids[kept] = list.ids[i];
            list.values[kept++] = list.values[i];
        } else if (list.values[i] < list.rest) {
            list.rest = list.values[i];
        }
    }
    list.count = kept;
}

struct Search {
    __m512 rest;   // lane by lane, the smallest w that was not listed
    float limit, gap;
};

// One register of w's with some within the limit.
void list_values(Search& search, Shortlist& list, __m512 values, std::int32_t column) {
    const __mmask16 hits = _mm512_cmp_ps_mask(values, _mm512_set1_ps(search.limit), _CMP_LE_OQ);
    search.rest = _mm512_mask_min_ps(search.rest, static_cast<__mmask16>(~hits), search.rest, values);
    if (hits == 0 || list.count < 0) return;
    const int found = __builtin_popcount(hits);
    if (list.count + found > Shortlist::capacity) shorten(list, search.limit);
    if (list.count + found > Shortlist::capacity) {
        list.count = -1;
        return;
    }
    const __m512i ids = _mm512_add_epi32(_mm512_set1_epi32(column), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    // Compressed in registers: with a memory operand the instruction takes over a hundred cycles on some machines.
    _mm512_storeu_si512(list.ids + list.count, _mm512_maskz_compress_epi32(hits, ids));
    _mm512_storeu_ps(list.values + list.count, _mm512_maskz_compress_ps(hits, values));
    list.count += found;
}

void shortlists(const std::uint16_t* rows, std::int64_t count, const Bf16View& centroids, const float* gaps, Shortlist* lists) {
    alignas(64) float products[(block_rows + tile_rows) * wide];
    Search searches[block_rows];
    for (std::int64_t row = 0; row < count; ++row) {
        searches[row] = {_mm512_set1_ps(infinity), infinity, gaps[row]};
        lists[row].count = 0;
        lists[row].rest = infinity;
    }
    for (std::int64_t column = 0; column < centroids.columns; column += wide) {
        multiply_panel(rows, count, centroids.pairs, centroids.panels + column * 2 * centroids.pairs, products);
        __m512 norms[tile_vectors];
        for (int v = 0; v < tile_vectors; ++v) norms[v] = _mm512_loadu_ps(centroids.norms + column + v * lanes);
        for (std::int64_t row = 0; row < count; ++row) {
            Search& search = searches[row];
            __m512 values[tile_vectors];
            for (int v = 0; v < tile_vectors; ++v) values[v] = _mm512_add_ps(_mm512_load_ps(products + row * wide + v * lanes), norms[v]);
            const __m512 least = _mm512_min_ps(_mm512_min_ps(values[0], values[1]), _mm512_min_ps(values[2], values[3]));
            if (_mm512_cmp_ps_mask(least, _mm512_set1_ps(search.limit), _CMP_LE_OQ) == 0) {
                search.rest = _mm512_min_ps(search.rest, least);
                continue;
            }
            const float limit = _mm512_reduce_min_ps(least) + search.gap;
            if (limit < search.limit) search.limit = limit;
            for (int v = 0; v < tile_vectors; ++v)
                list_values(search, lists[row], values[v], static_cast<std::int32_t>(column + v * lanes));
        }
    }
    for (std::int64_t row = 0; row < count; ++row) {
        const float rest = _mm512_reduce_min_ps(searches[row].rest);
        if (rest < lists[row].rest) lists[row].rest = rest;
        if (lists[row].count > 0) shorten(lists[row], searches[row].limit);
    }
}

void values(const float* row, std::int64_t dimensions, const float* centroids, const float* norms, const std::int32_t* ids,
            std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        const float* centroid = centroids + ids[i] * dimensions;
        __m512 total = _mm512_setzero_ps();
        for (std::int64_t begin = 0; begin < dimensions; begin += chunk_dimensions) {
            const std::int64_t end = begin + chunk_dimensions < dimensions ? begin + chunk_dimensions : dimensions;
            __m512 sum = _mm512_setzero_ps();
            for (std::int64_t j = begin; j < end; j += lanes) {
                const __mmask16 mask = tail_mask(end - j);
                sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, row + j), _mm512_maskz_loadu_ps(mask, centroid + j), sum);
            }
            total = _mm512_add_ps(total, sum);
        }
        out[i] = norms[ids[i]] - 2 * _mm512_reduce_add_ps(total);
    }
}

}  // namespace

const PrefilterKernel prefilter_kernel_avx512 = {wide, convert, shortlists, values};

}  // namespace kohort::cluster

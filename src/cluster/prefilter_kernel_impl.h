// The prefilter's kernel for one format: a source file includes the type Format, and this, compiled with the instruction
// set it needs and run only where the machine has it. Nothing of the standard library is used, so that no function compiled
// for this instruction set can be linked into another's path.
//
// Format has: Sum, what products add up in, a register; word_elements; start(column's start); multiply_add(sum, columns,
// row); load, store and add of sums; value(sums, scales, row's step, norms), the w's; convert(), of one row. Products says
// how a block of rows is multiplied by a panel: VectorProducts below, or prefilter_tiles.h.
#pragma once

#include "cluster/prefilter_kernel_values.h"

namespace kohort::cluster {
namespace {

constexpr int tile_rows = 6, most_vectors = 4;
constexpr std::int64_t chunk_words = coarse_chunk_dimensions / 2;  // int8's sums are exact, however long
constexpr float infinity = __builtin_inff();

// What rounding one row came to: see ConvertedRows.
struct CoarseRow {
    float step, square, residual;
};

// The row less the centre, sixteen dimensions from j on, and zeros past its end.
[[gnu::always_inline]] inline __m512 centred(const float* row, const float* centre, std::int64_t j, __mmask16 mask) {
    return _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, row + j), _mm512_maskz_loadu_ps(mask, centre + j));
}
[[gnu::always_inline]] inline __m512 centred(const float* row, const float* centre, std::int64_t j) {
    return _mm512_sub_ps(_mm512_loadu_ps(row + j), _mm512_loadu_ps(centre + j));
}

// held [tile_rows, wide] (+)= starts [wide] + x [tile_rows, words] times packed [words, wide], wide = vectors * lanes.
// For each word of a tile so many bytes of the next block's rows are asked for: read when they are converted, all at
// once, they come too slowly.
template <class Format>
constexpr int fetched_bytes = tile_rows * Format::word_elements * static_cast<int>(sizeof(float));

template <class Format, int vectors, bool first>
[[gnu::noinline]] void multiply(const std::uint32_t* const* x, const std::int32_t* starts, std::int64_t words,
                                const std::uint32_t* packed, std::uint32_t* held, const char* fetch) {
    constexpr int wide = vectors * lanes;
    typename Format::Sum sums[tile_rows][vectors];
#pragma GCC unroll 6
    for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) sums[r][v] = Format::start(starts + v * lanes);
    const std::int64_t step = fetch ? fetched_bytes<Format> : 0;
    if (!fetch) fetch = reinterpret_cast<const char*>(packed);
    for (std::int64_t p = 0; p < words; ++p, packed += wide, fetch += step) {
        for (int byte = 0; byte < fetched_bytes<Format>; byte += 48) _mm_prefetch(fetch + byte, _MM_HINT_T1);
        __m512i columns[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) columns[v] = _mm512_loadu_si512(packed + v * lanes);
#pragma GCC unroll 6
        for (int r = 0; r < tile_rows; ++r) {
            const __m512i row = _mm512_set1_epi32(static_cast<int>(x[r][p]));
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sums[r][v] = Format::multiply_add(sums[r][v], columns[v], row);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            std::uint32_t* place = held + r * wide + v * lanes;
            Format::store(place, first ? sums[r][v] : Format::add(Format::load(place), sums[r][v]));
        }
}

// With the instructions that multiply registers.
struct VectorProducts {
    static constexpr std::int64_t word_step = 1;  // a row's words are filled up with zeros to a multiple of this
    static constexpr std::int64_t rows_together = 1;

    // products [count, wide] = the block's rows times one panel, chunk by chunk, so that a chunk of the panel stays in the
    // first-level cache while all rows pass by.
    template <class Format, int vectors>
    static void multiply_panel(const std::uint32_t* rows, std::int64_t count, std::int64_t words, const std::uint32_t* packed,
                               const std::int32_t* starts, std::uint32_t* products, const float* fetched) {
        constexpr int wide = vectors * lanes;
        const char* fetch = reinterpret_cast<const char*>(fetched);
        static constexpr std::int32_t none[wide] = {};
        for (std::int64_t begin = 0; begin < words; begin += chunk_words) {
            const std::int64_t length = words - begin < chunk_words ? words - begin : chunk_words;
            for (std::int64_t row = 0; row < count; row += tile_rows) {
                const std::uint32_t* x[tile_rows];
                for (int r = 0; r < tile_rows; ++r)  // a tile that sticks out computes the last row again
                    x[r] = rows + (row + r < count ? row + r : count - 1) * words + begin;
                if (begin == 0) multiply<Format, vectors, true>(x, starts, length, packed, products + row * wide, fetch);
                else multiply<Format, vectors, false>(x, none, length, packed + begin * wide, products + row * wide, fetch);
                if (fetch) fetch += length * fetched_bytes<Format>;
            }
        }
    }
};

// Drops what is beyond the limit by now.
void shorten(Shortlist& list, float limit) {
    std::int32_t kept = 0;
    for (std::int32_t i = 0; i < list.count; ++i) {
        if (list.least[i] <= limit) {
            list.ids[kept] = list.ids[i];
            list.least[kept++] = list.least[i];
        } else if (list.least[i] < list.rest) {
            list.rest = list.least[i];
        }
    }
    list.count = kept;
}

struct Search {
    __m512 rest;  // lane by lane, the smallest w - E that was not listed
    float limit;  // the smallest w + E, and the gap
};

// The w - E of one panel, of which some are within the limit.
template <int vectors>
void list_values(Search& search, Shortlist& list, const __m512* least, std::int32_t column) {
    alignas(64) float values[vectors * lanes];
    std::uint64_t hits = 0;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
        _mm512_store_ps(values + v * lanes, least[v]);
        const __mmask16 within = _mm512_cmp_ps_mask(least[v], _mm512_set1_ps(search.limit), _CMP_LE_OQ);
        search.rest = _mm512_mask_min_ps(search.rest, static_cast<__mmask16>(~within), search.rest, least[v]);
        hits |= std::uint64_t{within} << (v * lanes);
    }
    if (list.count < 0) return;
    const int found = __builtin_popcountll(hits);
    if (list.count + found > Shortlist::capacity) shorten(list, search.limit);
    if (list.count + found > Shortlist::capacity) {
        list.count = -1;
        return;
    }
    for (; hits != 0; hits &= hits - 1) {
        const int place = __builtin_ctzll(hits);
        list.ids[list.count] = column + place;
        list.least[list.count++] = values[place];
    }
}

// The w and E of a row and one panel, whose columns begin with `column`.
template <class Format, int vectors>
[[gnu::always_inline]] inline void coarse_values(const CoarseRows& rows, std::int64_t row, const CoarseView& centroids,
                                                 std::int64_t column, const std::uint32_t* products, __m512* values,
                                                 __m512* errors) {
    const __m512 step = _mm512_set1_ps(rows.steps[row]), size = _mm512_set1_ps(rows.sizes[row]);
    const __m512 residual = _mm512_set1_ps(rows.residuals[row]);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
        const std::int64_t at = column + v * lanes;
        values[v] = Format::value(Format::load(products + v * lanes), _mm512_loadu_ps(centroids.scales + at), step,
                                  _mm512_loadu_ps(centroids.norms + at));
        errors[v] = _mm512_fmadd_ps(residual, _mm512_loadu_ps(centroids.reach + at),
                                    _mm512_mul_ps(size, _mm512_loadu_ps(centroids.spread + at)));
    }
}

template <class Format, class Products, int vectors>
void shortlists(const CoarseRows& rows, std::int64_t count, const CoarseView& centroids, Shortlist* lists) {
    constexpr int wide = vectors * lanes;
    alignas(64) std::uint32_t products[(block_rows + tile_rows) * wide];
    Search searches[block_rows];
    for (std::int64_t row = 0; row < count; ++row) {
        searches[row] = {_mm512_set1_ps(infinity), infinity};
        lists[row].count = 0;
        lists[row].most = lists[row].rest = infinity;
    }
    for (std::int64_t column = 0; column < centroids.columns; column += wide) {
        Products::template multiply_panel<Format, vectors>(
            rows.words, count, centroids.words, centroids.panels + column * centroids.words, centroids.starts + column, products,
            column == 0 ? rows.next : nullptr);
        for (std::int64_t row = 0; row < count; ++row) {
            Search& search = searches[row];
            __m512 values[vectors], errors[vectors], least[vectors];
            coarse_values<Format, vectors>(rows, row, centroids, column, products + row * wide, values, errors);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) least[v] = _mm512_sub_ps(values[v], errors[v]);
            __m512 smallest = least[0];
#pragma GCC unroll 3
            for (int v = 1; v < vectors; ++v) smallest = _mm512_min_ps(smallest, least[v]);
            if (_mm512_cmp_ps_mask(smallest, _mm512_set1_ps(search.limit), _CMP_LE_OQ) == 0) {
                search.rest = _mm512_min_ps(search.rest, smallest);
                continue;
            }
            __m512 most = _mm512_add_ps(values[0], errors[0]);
#pragma GCC unroll 3
            for (int v = 1; v < vectors; ++v) most = _mm512_min_ps(most, _mm512_add_ps(values[v], errors[v]));
            const float smallest_most = _mm512_reduce_min_ps(most);
            if (smallest_most < lists[row].most) {
                lists[row].most = smallest_most;
                search.limit = smallest_most + rows.gaps[row];
            }
            list_values<vectors>(search, lists[row], least, static_cast<std::int32_t>(column));
        }
    }
    for (std::int64_t row = 0; row < count; ++row) {
        const float rest = _mm512_reduce_min_ps(searches[row].rest);
        if (rest < lists[row].rest) lists[row].rest = rest;
        if (lists[row].count > 1) shorten(lists[row], searches[row].limit);
    }
}

// The same where all centroids are in one panel: a row's smallest w + E is known before anything is listed.
template <class Format, class Products, int vectors>
void shortlists_of_one_panel(const CoarseRows& rows, std::int64_t count, const CoarseView& centroids, Shortlist* lists) {
    constexpr int wide = vectors * lanes;
    alignas(64) std::uint32_t products[(block_rows + tile_rows) * wide];
    Products::template multiply_panel<Format, vectors>(rows.words, count, centroids.words, centroids.panels, centroids.starts,
                                                       products, rows.next);
    for (std::int64_t row = 0; row < count; ++row) {
        Shortlist& list = lists[row];
        __m512 values[vectors], errors[vectors], least[vectors];
        coarse_values<Format, vectors>(rows, row, centroids, 0, products + row * wide, values, errors);
        __m512 most = _mm512_add_ps(values[0], errors[0]);
#pragma GCC unroll 4
        for (int v = 1; v < vectors; ++v) most = _mm512_min_ps(most, _mm512_add_ps(values[v], errors[v]));
        list.most = _mm512_reduce_min_ps(most);
        const __m512 limit = _mm512_set1_ps(list.most + rows.gaps[row]);
        __m512 rest = _mm512_set1_ps(infinity);
        std::uint64_t hits = 0;
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            least[v] = _mm512_sub_ps(values[v], errors[v]);
            const __mmask16 within = _mm512_cmp_ps_mask(least[v], limit, _CMP_LE_OQ);
            rest = _mm512_mask_min_ps(rest, static_cast<__mmask16>(~within), rest, least[v]);
            hits |= std::uint64_t{within} << (v * lanes);
        }
        list.rest = _mm512_reduce_min_ps(rest);
        list.count = __builtin_popcountll(hits);
        // Most rows have a few: those are written whether they are there or not, as a processor cannot guess how many are.
        constexpr int usual = 4;
        static_assert(wide <= Shortlist::capacity);
#pragma GCC unroll 4
        for (int i = 0; i < usual; ++i, hits &= hits - 1) list.ids[i] = __builtin_ctzll(hits | std::uint64_t{1} << 63);
        for (std::int32_t i = usual; hits != 0; ++i, hits &= hits - 1) list.ids[i] = __builtin_ctzll(hits);
    }
}

// At least the value, as a float: the slack is sixteen times what a rounding loses, and has room for those of E = r P + A Q.
[[gnu::always_inline]] inline float above(double value) { return static_cast<float>(value * bound_slack + 0x1p-126); }

void bound_rows(const RowBoundFactors& f, std::int64_t count, const float* squares, const float* rounded_away,
                RowBounds bounds) {
    constexpr double u = 0x1p-24;
    for (std::int64_t i = 0; i < count; ++i) {
        const double root = __builtin_sqrt(static_cast<double>(squares[i]));
        const double norm = root * f.norm + f.tiny, lower = root * f.least - f.tiny, least = lower > 0 ? lower : 0;
        const double residual = __builtin_sqrt(static_cast<double>(rounded_away[i])) * f.residual + 2 * u * norm + f.tiny;
        const double rounded = norm + residual, both = norm + f.largest_norm;
        // What w - E and w + E can be in size: each is rounded, and so is the limit made from it.
        const double values = 2 * rounded * f.largest_rounded + f.largest_norm * f.largest_norm +
                              1.001 * (residual * f.largest_reach + rounded * f.largest_spread);
        const double error = (f.constant + f.canonical * both * both + 2 * u * values) * bound_slack;
        bounds.at_most[i] = norm * norm * bound_slack + error;
        bounds.at_least[i] = least * least * (2 - bound_slack) - error;
        bounds.sizes[i] = above(rounded);
        bounds.residuals[i] = above(residual);
        bounds.gaps[i] = above(2 * error + 4 * u * values);
    }
}

template <class Format, class Products>
void convert(const float* rows, std::int64_t count, const float* centre, std::int64_t dimensions, const ConvertedRows& out) {
    const std::int64_t used = (dimensions + Format::word_elements - 1) / Format::word_elements;
    const std::int64_t words = (used + Products::word_step - 1) / Products::word_step * Products::word_step;
    for (std::int64_t i = 0; i < count; ++i) {
        const CoarseRow row = Format::convert(rows + i * dimensions, centre, dimensions, out.words + i * words);
        for (std::int64_t word = used; word < words; ++word) out.words[i * words + word] = 0;
        out.steps[i] = row.step, out.squares[i] = row.square, out.residuals[i] = row.residual;
    }
}

// The widest is the fastest; narrower ones waste less on a few centroids.
template <class Format, class Products>
PrefilterKernel kernel_for(std::int64_t clusters) {
    constexpr int widest = most_vectors * lanes;
    const auto kernel = [](int wide, auto shortlists_of) {
        return PrefilterKernel{wide, Format::word_elements, Products::word_step, Products::rows_together,
                               convert<Format, Products>, bound_rows, shortlists_of, values};
    };
    if (clusters <= lanes) return kernel(lanes, shortlists_of_one_panel<Format, Products, 1>);
    if (clusters <= 2 * lanes) return kernel(2 * lanes, shortlists_of_one_panel<Format, Products, 2>);
    if (clusters <= widest) return kernel(widest, shortlists_of_one_panel<Format, Products, most_vectors>);
    return kernel(widest, shortlists<Format, Products, most_vectors>);
}

}  // namespace
}  // namespace kohort::cluster

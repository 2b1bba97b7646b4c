// Products of a block of coarse rows and a panel of centroids in the tile registers of AMX: sixteen rows of 64 bytes each,
// of which one instruction multiplies two. Written like prefilter_kernel_impl.h, and for its use.
//
// Two tiles of rows by two of centroids are multiplied at once, four sums for four tiles read, over a chunk of the rows' words
// that stays in the first-level cache: the panel's rows of 64 bytes are a tile's as they lie. In int8 sums are exact; in
// bfloat16 a term passes at most sixteen roundings within an instruction, one where it adds the two halves of its sum, and
// one for each further instruction (Intel SDM, TDPBF16PS), which prefilter.cpp counts as tile_roundings.
#pragma once

#include "base/amx.h"
#include "cluster/prefilter_kernel_impl.h"

namespace kohort::cluster {
namespace {

// Format has besides: multiply_two(), tiles 4 and 5 by tile 6 added to tiles 0 and 2; multiply_four(), by tile 7 as well,
// added to tiles 1 and 3.
struct TileProducts {
    static constexpr std::int64_t word_step = 16;
    static constexpr std::int64_t rows_together = 32, tile_lines = 16;
    static_assert(rows_together <= block_rows);
    static constexpr std::int64_t tile_chunk_words = 64;  // two columns of tiles of so many stay in the first-level cache

    template <class Format, int vectors>
    static void multiply_panel(const std::uint32_t* rows, std::int64_t count, std::int64_t words, const std::uint32_t* packed,
                               const std::int32_t* starts, std::uint32_t* products, const float* fetched) {
        __asm__ volatile("" ::: "memory");  // what the tiles read is in memory by now
        _tile_loadconfig(&base::whole_tiles);
        constexpr std::int64_t wide = vectors * lanes, columns = vectors > 1 ? 2 * lanes : lanes;
        const std::int64_t whole = count / rows_together * rows_together;
        const char* fetch = reinterpret_cast<const char*>(fetched);
        // For each word of a row, in each round over the columns, so many bytes of the next block's rows.
        constexpr std::int64_t fetched_each = rows_together * Format::word_elements * 4 * columns / wide;
        for (std::int64_t column = 0; column < wide; column += columns) {
            const std::uint32_t* panel = packed + column;
            for (std::int64_t begin = 0; begin < words; begin += tile_chunk_words) {
                const std::int64_t length = words - begin < tile_chunk_words ? words - begin : tile_chunk_words;
                for (std::int64_t row = 0; row < whole; row += rows_together) {
                    multiply<Format, vectors>(rows + row * words + begin, words, length, panel + begin * wide,
                                              begin == 0 ? starts + column : nullptr, products + row * wide + column, fetch,
                                              fetched_each);
                    if (fetch) fetch += length * fetched_each;
                }
            }
            if (whole == count) continue;
            // The last rows again where fewer are left, or what lies behind them.
            const std::int64_t last = count > rows_together ? count - rows_together : 0;
            multiply<Format, vectors>(rows + last * words, words, words, panel, starts + column, products + last * wide + column,
                                      nullptr, 0);
        }
        _tile_release();
    }

  private:
    // starts: null: go on with what is in `products`.
    template <class Format, int vectors>
    [[gnu::always_inline]] static void multiply(const std::uint32_t* x, std::int64_t words, std::int64_t length,
                                                const std::uint32_t* packed, const std::int32_t* starts, std::uint32_t* products,
                                                const char* fetch, std::int64_t fetched_each) {
        constexpr std::int64_t wide = vectors * lanes, line = wide * 4;
        constexpr bool pairs = vectors > 1;
        const std::int64_t row = words * 4;
        std::uint32_t* const below = products + tile_lines * wide;
        // A start is the same in every line.
        const void *first = starts ? static_cast<const void*>(starts) : products, *second = starts ? first : below;
        const std::int64_t step = starts ? 0 : line;
        _tile_loadd(0, first, step);
        _tile_loadd(2, second, step);
        if constexpr (pairs) {
            _tile_loadd(1, static_cast<const std::uint32_t*>(first) + lanes, step);
            _tile_loadd(3, static_cast<const std::uint32_t*>(second) + lanes, step);
        }
        for (std::int64_t word = 0; word < length; word += tile_lines) {
            const std::uint32_t* panel = packed + word * wide;
            _tile_loadd(4, x + word, row);
            _tile_loadd(6, panel, line);
            _tile_loadd(5, x + tile_lines * words + word, row);
            if constexpr (pairs) {
                _tile_loadd(7, panel + lanes, line);
                Format::multiply_four();
            } else {
                Format::multiply_two();
            }
            if (!fetch) continue;
            for (std::int64_t byte = 0; byte < tile_lines * fetched_each; byte += 64) _mm_prefetch(fetch + byte, _MM_HINT_T1);
            fetch += tile_lines * fetched_each;
        }
        _tile_stored(0, products, line);
        _tile_stored(2, below, line);
        if constexpr (pairs) {
            _tile_stored(1, products + lanes, line);
            _tile_stored(3, below + lanes, line);
        }
    }
};

}  // namespace
}  // namespace kohort::cluster

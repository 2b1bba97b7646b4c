// Products of a block of coarse rows and a panel of centroids in the tile registers of AMX: sixteen rows of 64 bytes each,
// of which one instruction multiplies two. Written like prefilter_kernel_impl.h, and for its use.
//
// Two tiles of rows by two of centroids are multiplied at once, four sums for four tiles read, over all words of a row: the
// panel's rows of 64 bytes are a tile's as they lie. In int8 sums are exact; in bfloat16 a term passes at most sixteen
// roundings within an instruction, one where it adds the two halves of its sum, and one for each further instruction
// (Intel SDM, TDPBF16PS), which prefilter.cpp counts as tile_roundings.
#pragma once

#include "cluster/prefilter_kernel_impl.h"

namespace kohort::cluster {
namespace {

// All eight tiles are whole.
struct alignas(64) TileShapes {
    std::uint8_t palette, start_row, reserved[14];
    std::uint16_t bytes[16];  // of a line
    std::uint8_t lines[16];
};
constexpr TileShapes tile_shapes = {1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

// Format has besides: multiply_two(), tiles 4 and 5 by tile 6 added to tiles 0 and 2; multiply_four(), by tile 7 as well,
// added to tiles 1 and 3.
struct TileProducts {
    static constexpr std::int64_t word_step = 16;
    static constexpr std::int64_t rows_together = 32, tile_lines = 16;

    template <class Format, int vectors>
    static void multiply_panel(const std::uint32_t* rows, std::int64_t count, std::int64_t words, const std::uint32_t* packed,
                               const std::int32_t* starts, std::uint32_t* products, const float* fetched) {
        if (count < rows_together) {
            VectorProducts::multiply_panel<Format, vectors>(rows, count, words, packed, starts, products, fetched);
            return;
        }
        __asm__ volatile("" ::: "memory");  // what the tiles read is in memory by now
        _tile_loadconfig(&tile_shapes);
        const char* fetch = reinterpret_cast<const char*>(fetched);
        for (std::int64_t row = 0; row < count; row += rows_together) {
            // The last ones again where fewer are left.
            const std::int64_t first = row + rows_together <= count ? row : count - rows_together;
            multiply<Format, vectors>(rows + first * words, words, packed, starts, products + first * vectors * lanes, fetch);
            if (fetch) fetch += rows_together * words * Format::word_elements * static_cast<std::int64_t>(sizeof(float));
        }
        _tile_release();
    }

  private:
    template <class Format, int vectors>
    static void multiply(const std::uint32_t* x, std::int64_t words, const std::uint32_t* packed, const std::int32_t* starts,
                         std::uint32_t* products, const char* fetch) {
        constexpr std::int64_t wide = vectors * lanes, line = wide * 4, next = tile_lines * wide;
        constexpr bool pairs = vectors > 1;
        constexpr std::int64_t rounds = pairs ? vectors / 2 : 1;
        // For each word of a row, in each round, so many bytes of the next block's rows are asked for.
        constexpr std::int64_t fetched = rows_together * Format::word_elements * static_cast<std::int64_t>(sizeof(float)) / rounds;
        const std::int64_t row = words * 4;
        for (std::int64_t column = 0; column < wide; column += (pairs ? 2 : 1) * lanes) {
            const std::int32_t* start = starts + column;
            _tile_loadd(0, start, 0);  // every line the same
            _tile_loadd(2, start, 0);
            if constexpr (pairs) {
                _tile_loadd(1, start + lanes, 0);
                _tile_loadd(3, start + lanes, 0);
            }
            for (std::int64_t word = 0; word < words; word += tile_lines) {
                const std::uint32_t* panel = packed + word * wide + column;
                _tile_loadd(4, x + word, row);
                _tile_loadd(5, x + tile_lines * words + word, row);
                _tile_loadd(6, panel, line);
                if constexpr (pairs) {
                    _tile_loadd(7, panel + lanes, line);
                    Format::multiply_four();
                } else {
                    Format::multiply_two();
                }
                if (!fetch) continue;
                for (std::int64_t byte = 0; byte < tile_lines * fetched; byte += 64) _mm_prefetch(fetch + byte, _MM_HINT_T1);
                fetch += tile_lines * fetched;
            }
            std::uint32_t* out = products + column;
            _tile_stored(0, out, line);
            _tile_stored(2, out + next, line);
            if constexpr (pairs) {
                _tile_stored(1, out + lanes, line);
                _tile_stored(3, out + next + lanes, line);
            }
        }
    }
};

}  // namespace
}  // namespace kohort::cluster

// How exact this is. A float32 number has 24 significant bits, a bf16 number 8. Rounding to nearest, a = a1 + r1 with
// |r1| <= 2^-8 |a|, r1 = a2 + r2 with |r2| <= 2^-16 |a| and r2 of at most 8 significant bits: r2 = a3, and nothing is left.
// (Parts below 2^-126 count as zero in tiles, so numbers below 2^-103 lose their last ones.) Left out of the products are
// a2 b3, a3 b2 and a3 b3: 2^-23 |a b| together at worst, and some 2^-25 as a rule, where float32 itself rounds a product
// by up to 2^-24. An instruction adds 16 products each to two sums, both rounded to float32 at each step, adds the two and
// then adds to the tile (Intel SDM, TDPBF16PS): a sum in a tile is rounded once in 32 terms of a part, six times for
// the six, where fused multiply-adds round 32 times.
#include <immintrin.h>

#include "base/amx.h"
#include "model/split_product_kernel.h"

namespace kohort::model {
namespace {

constexpr std::int64_t lanes = 16, tile_lines = 16;
constexpr std::int64_t tile_values = tile_lines * step_depth, part_values = 2 * tile_values;

__mmask16 first_lanes(std::int64_t count) {
    return count >= lanes ? 0xFFFF : count <= 0 ? 0 : static_cast<__mmask16>((1u << count) - 1);
}

// Numbers whose upper halves are the 16 of `halves`.
__m512 widened(__m256i halves) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

// 32 numbers as three parts, the first 16 of each in its lower half.
void split(__m512 low, __m512 high, __m512i parts[split_parts]) {
    for (int part = 0; part < split_parts; ++part) {
        const auto rounded = (__m512i)_mm512_cvtne2ps_pbh(high, low);
        parts[part] = rounded;
        low = _mm512_sub_ps(low, widened(_mm512_castsi512_si256(rounded)));
        high = _mm512_sub_ps(high, widened(_mm512_extracti64x4_epi64(rounded, 1)));
    }
}

// 16 x 16 numbers of 32 bits: pairs, pairs of pairs, then quarters of registers change places.
void transpose(__m512i rows[lanes]) {
    __m512i other[lanes];
    for (int i = 0; i < 16; i += 2) {
        other[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        other[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int half = 0; half < 2; ++half) {
            rows[i + 2 * half] = _mm512_unpacklo_epi64(other[i + half], other[i + half + 2]);
            rows[i + 2 * half + 1] = _mm512_unpackhi_epi64(other[i + half], other[i + half + 2]);
        }
    constexpr int even = 0x88, odd = 0xDD;
    for (int i = 0; i < 4; ++i)
        for (int half = 0; half < 2; ++half) {
            other[8 * half + i] = _mm512_shuffle_i32x4(rows[8 * half + i], rows[8 * half + i + 4], even);
            other[8 * half + i + 4] = _mm512_shuffle_i32x4(rows[8 * half + i], rows[8 * half + i + 4], odd);
        }
    for (int i = 0; i < 8; ++i) {
        rows[i] = _mm512_shuffle_i32x4(other[i], other[i + 8], even);
        rows[i + 8] = _mm512_shuffle_i32x4(other[i], other[i + 8], odd);
    }
}

// The parts of 16 lines over one step, as the left side has them: a line in a register.
struct TileParts {
    __m512i registers[split_parts][tile_lines];
};

// `lines` and `depth` of them are there.
void split_along(const float* values, std::int64_t stride, std::int64_t lines, std::int64_t depth, TileParts& to) {
    for (std::int64_t line = 0; line < tile_lines; ++line) {
        const bool there = line < lines;
        const float* from = values + line * stride;
        __m512i parts[split_parts];
        split(_mm512_maskz_loadu_ps(there ? first_lanes(depth) : 0, from),
              _mm512_maskz_loadu_ps(there ? first_lanes(depth - lanes) : 0, from + lanes), parts);
        for (int part = 0; part < split_parts; ++part) to.registers[part][line] = parts[part];
    }
}

// The same for lines that lie across, as the right side has them: a register has two numbers of each line.
void split_across(const float* values, std::int64_t stride, std::int64_t lines, std::int64_t depth, TileParts& to) {
    const __m512i pairs = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                                           20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __mmask16 present = first_lanes(lines);
    for (std::int64_t pair = 0; pair < tile_lines; ++pair) {
        const float* from = values + 2 * pair * stride;
        __m512i parts[split_parts];
        split(_mm512_maskz_loadu_ps(2 * pair < depth ? present : 0, from),
              _mm512_maskz_loadu_ps(2 * pair + 1 < depth ? present : 0, from + stride), parts);
        for (int part = 0; part < split_parts; ++part) to.registers[part][pair] = _mm512_permutexvar_epi16(pairs, parts[part]);
    }
}

template <int part>
void load_left(const std::uint16_t* block) {
    _tile_loadd(4, block + part * part_values, 64);
    _tile_loadd(5, block + part * part_values + tile_values, 64);
}
template <int part>
void load_right(const std::uint16_t* block) {
    _tile_loadd(6, block + part * part_values, 64);
    _tile_loadd(7, block + part * part_values + tile_values, 64);
}
void multiply_loaded() {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

// sums [32, 32] of a row of blocks each, small terms of a step first. In this order seven parts are loaded for six products.
void multiply_steps(const std::uint16_t* left, const std::uint16_t* right, std::int64_t steps, float* sums) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (std::int64_t step = 0; step < steps; ++step, left += block_values, right += block_values) {
        load_left<0>(left);
        load_right<2>(right);
        multiply_loaded();
        load_right<1>(right);
        multiply_loaded();
        load_left<1>(left);
        multiply_loaded();
        load_right<0>(right);
        multiply_loaded();
        load_left<2>(left);
        multiply_loaded();
        load_left<0>(left);
        multiply_loaded();
    }
    constexpr std::int64_t line = block_lines * 4;
    _tile_stored(0, sums, line);
    _tile_stored(1, sums + lanes, line);
    _tile_stored(2, sums + tile_lines * block_lines, line);
    _tile_stored(3, sums + tile_lines * block_lines + lanes, line);
}

// To the result's `rows` x `columns` from (row, column) on.
void write_sums(const float* sums, const SplitBlocks& blocks, std::int64_t row, std::int64_t column) {
    const std::int64_t rows = blocks.rows - row < block_lines ? blocks.rows - row : block_lines,
                       columns = blocks.columns - column;
    for (std::int64_t half = 0; half < block_lines && half < columns; half += lanes) {
        const __mmask16 present = first_lanes(columns - half);
        const __m512 bias = blocks.bias ? _mm512_maskz_loadu_ps(present, blocks.bias + column + half) : _mm512_setzero_ps();
        float* to = blocks.result + row * blocks.stride + column + half;
        for (std::int64_t i = 0; i < rows; ++i, to += blocks.stride) {
            __m512 sum = _mm512_load_ps(sums + i * block_lines + half);
            if (blocks.bias) sum = _mm512_add_ps(sum, bias);
            if (blocks.add) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(present, to));
            _mm512_mask_storeu_ps(to, present, sum);
        }
    }
}

void split_tile(const MatrixLines& from, Side side, std::int64_t line, std::int64_t k, std::uint16_t* to) {
    TileParts parts;
    if (from.along)
        split_along(from.values + line * from.stride + k, from.stride, from.lines - line, from.depth - k, parts);
    else
        split_across(from.values + k * from.stride + line, from.stride, from.lines - line, from.depth - k, parts);
    for (int part = 0; part < split_parts; ++part, to += part_values) {
        if (from.along != (side == Side::left)) transpose(parts.registers[part]);
        for (std::int64_t i = 0; i < tile_lines; ++i) _mm512_store_si512(to + i * step_depth, parts.registers[part][i]);
    }
}

// Large matrices lie far away, and 16 or 32 places at a time are too many for the processor to foresee.
void fetch_tile(const MatrixLines& from, std::int64_t line, std::int64_t k) {
    const float* begin = from.along ? from.values + line * from.stride + k : from.values + k * from.stride + line;
    const std::int64_t left = from.along ? from.lines - line : from.depth - k, most = from.along ? tile_lines : step_depth;
    for (std::int64_t i = 0; i < left && i < most; ++i, begin += from.stride) {
        _mm_prefetch(reinterpret_cast<const char*>(begin), _MM_HINT_T0);
        if (from.along) _mm_prefetch(reinterpret_cast<const char*>(begin + lanes), _MM_HINT_T0);
    }
}

void split_lines(const MatrixLines& from, Side side, std::uint16_t* blocks) {
    const std::int64_t steps = (from.depth + step_depth - 1) / step_depth,
                       tiles = (from.lines + block_lines - 1) / block_lines * 2;
    constexpr std::int64_t ahead = 3;
    // In an order in which what is read lies together.
    for (std::int64_t i = 0; i < tiles * steps; ++i) {
        const auto tile_at = [&](std::int64_t place) { return from.along ? place / steps : place % tiles; };
        const auto step_at = [&](std::int64_t place) { return from.along ? place % steps : place / tiles; };
        fetch_tile(from, tile_at(i + ahead) * tile_lines, step_at(i + ahead) * step_depth);
        const std::int64_t tile = tile_at(i), step = step_at(i);
        split_tile(from, side, tile * tile_lines, step * step_depth,
                   blocks + (tile / 2 * steps + step) * block_values + tile % 2 * tile_values);
    }
}

void multiply_blocks(const SplitBlocks& blocks) {
    __asm__ volatile("" ::: "memory");  // what the tiles read is in memory by now
    _tile_loadconfig(&base::whole_tiles);
    alignas(64) float sums[block_lines * block_lines];
    const std::int64_t each = blocks.steps * block_values;
    const auto one = [&](std::int64_t row, std::int64_t column) {
        multiply_steps(blocks.left + row / block_lines * each, blocks.right + column / block_lines * each, blocks.steps, sums);
        __asm__ volatile("" ::: "memory");  // and so is what they wrote
        write_sums(sums, blocks, row, column);
    };
    for (std::int64_t column = 0; column < blocks.columns; column += block_lines)
        for (std::int64_t row = 0; row < blocks.rows; row += block_lines) one(row, column);
    _tile_release();
}

}  // namespace

const SplitKernel split_kernel_amx{split_lines, multiply_blocks};

}  // namespace kohort::model

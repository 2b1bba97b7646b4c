// The inner loops of split_product.h, compiled for AMX. Matrices are cut into lines, the rows of the left side or the columns
// of the right one, and lines into steps; 32 lines by one step are a block of three parts, each of two tiles.
#pragma once

#include <cstdint>

namespace kohort::model {

constexpr std::int64_t block_lines = 32, step_depth = 32, split_parts = 3;
constexpr std::int64_t block_values = split_parts * block_lines * step_depth;  // bf16 numbers

// Element (line, k) is values[line * stride + k], or values[k * stride + line] where lines are not `along`.
struct MatrixLines {
    const float* values;
    std::int64_t lines, depth, stride;
    bool along;
};

enum class Side { left, right };

struct SplitBlocks {
    const std::uint16_t *left, *right;  // from split()
    std::int64_t rows, columns, steps;
    float* result;  // [rows, columns], `stride` from row to row
    std::int64_t stride;
    const float* bias;  // [columns] or null
    bool add;           // to what is there
};

struct SplitKernel {
    // blocks [lines / 32, depth / 32] of both rounded up, filled up with zeros; on a cache line.
    void (*split)(const MatrixLines& from, Side side, std::uint16_t* blocks);
    void (*multiply)(const SplitBlocks& blocks);
};
extern const SplitKernel split_kernel_amx;  // needs amx_usable() and AVX-512 F, BW, DQ, VL and BF16

}  // namespace kohort::model

// Inner loops of encoding over rows of token vectors, in plain arrays; compiled once for each instruction set. All of them
// compute in float32 and give the same bits with each.
#pragma once

#include <cstdint>

#include "model/activation.h"

namespace kohort::model {

// A value of the rows: float32, or the upper half of one.
enum class RowType { float32, bfloat16 };

// Attention of one sequence: see row_attention.h.
struct AttentionRows {
    const void* joined;  // [tokens, 3 heads width]
    void* result;        // [tokens, heads width]
    RowType type;
    std::int64_t tokens, heads, width;
    bool causal;
    float scale;                // of scores
    const float* by_distance;   // [heads, distance_values(reach)], or null: added to the scores of token j for token i, at
    std::int64_t reach;         // j - i + reach - 1; reach: at least `tokens`
    float* scratch;             // [attention_scratch(tokens, width)]
};

// One for each distance that is less than `reach`, either way, and as many as are read behind them.
constexpr std::int64_t distance_values(std::int64_t reach) { return 2 * reach - 1 + 16; }

constexpr std::int64_t attention_scratch(std::int64_t tokens, std::int64_t width) {
    constexpr std::int64_t lanes = 16, most_rows = 8;
    const std::int64_t padded_tokens = tokens + lanes, padded_width = width + lanes;
    return tokens * width + width * padded_tokens + tokens * padded_width + most_rows * (padded_tokens + padded_width);
}

// Layer normalisation of each row: (x - mean) / sqrt(variance + epsilon) weight + bias.
struct NormRows {
    const void* rows;  // [count, size]
    void* result;      // [count, size]
    RowType type;
    std::int64_t count, size;
    const float *weight, *bias;  // [size]
    double epsilon;
};

struct RowKernels {
    void (*attend)(const AttentionRows&);
    void (*normalize)(const NormRows&);
    void (*activate)(Activation activation, float* values, std::int64_t count);  // in place
};
extern const RowKernels row_kernels_avx2, row_kernels_avx512;

// Those of this processor; null where it has neither.
const RowKernels* row_kernels();

}  // namespace kohort::model

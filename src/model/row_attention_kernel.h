// One sequence's attention in plain arrays; compiled once for each instruction set.
#pragma once

#include <cstdint>

namespace kohort::model {

// A value of `joined` and of what comes out: float32, or the upper half of one.
enum class RowType { float32, bfloat16 };

struct AttentionRows {
    const void* joined;  // [tokens, 3 heads width]
    void* result;        // [tokens, heads width]
    RowType type;
    std::int64_t tokens, heads, width;
    bool causal;
    float* scratch;  // [attention_scratch(tokens, width)]
};

constexpr std::int64_t attention_scratch(std::int64_t tokens, std::int64_t width) {
    constexpr std::int64_t lanes = 16, most_rows = 8;
    const std::int64_t padded_tokens = tokens + lanes, padded_width = width + lanes;
    return tokens * width + width * padded_tokens + tokens * padded_width + most_rows * (padded_tokens + padded_width);
}

void attend_rows_avx2(const AttentionRows& rows);
void attend_rows_avx512(const AttentionRows& rows);

}  // namespace kohort::model

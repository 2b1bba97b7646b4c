// The kernel of row_norm.h for the instruction set that the including file is compiled for (see row_lanes.h).
#include "model/row_kernels.h"
#include "model/row_lanes.h"

namespace kohort::model {
namespace {

template <class Value>
void normalize_row(const Value* row, Value* result, const NormRows& rows) {
    const std::int64_t size = rows.size, whole = size / lanes * lanes;
    const float share = 1 / static_cast<float>(size);
    Lanes sums = {};
    for (std::int64_t i = 0; i < whole; i += lanes) sums = sums + load(row + i);
    if (whole < size) sums = sums + load_some(row + whole, size - whole);
    const float mean = sum_of(sums) * share;
    Lanes squares = {};
    for (std::int64_t i = 0; i < whole; i += lanes) {
        const Lanes off = load(row + i) - mean;
        squares = fused(off, off, squares);
    }
    float left[lanes] = {};  // lanes behind the end must add nothing
    for (std::int64_t i = whole; i < size; ++i) left[i - whole] = to_float(row[i]) - mean;
    squares = fused(load(left), load(left), squares);
    const float scale = 1 / __builtin_sqrtf(sum_of(squares) * share + static_cast<float>(rows.epsilon));
    for (std::int64_t i = 0; i < whole; i += lanes)
        store(result + i, fused((load(row + i) - mean) * scale, load(rows.weight + i), load(rows.bias + i)));
    for (std::int64_t i = whole; i < size; ++i)
        round_to((to_float(row[i]) - mean) * scale * rows.weight[i] + rows.bias[i], result[i]);
}

template <class Value>
void normalize_each(const NormRows& rows) {
    for (std::int64_t i = 0; i < rows.count; ++i)
        normalize_row(static_cast<const Value*>(rows.rows) + i * rows.size, static_cast<Value*>(rows.result) + i * rows.size,
                      rows);
}

void normalize_rows(const NormRows& rows) {
    if (rows.type == RowType::bfloat16)
        normalize_each<std::uint16_t>(rows);
    else
        normalize_each<float>(rows);
}

}  // namespace
}  // namespace kohort::model

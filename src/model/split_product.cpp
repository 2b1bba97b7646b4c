#include "model/split_product.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/amx.h"
#include "base/error.h"
#include "model/split_product_kernel.h"

namespace kohort::model {
namespace {

// Null where there is none.
const SplitKernel* split_kernel() {
#if defined(__x86_64__)
    static const bool usable = [] {
        const char* most = std::getenv("ONEDNN_MAX_CPU_ISA");
        return (!most || std::string_view(most) == "DEFAULT") && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512bf16") && base::amx_usable();
    }();
    return usable ? &split_kernel_amx : nullptr;
#else
    return nullptr;
#endif
}

// How much is split and multiplied at a time. The blocks of one side stay in the second-level cache, 2 MB on machines with
// such tiles, while those of the other are read once.
struct Portion {
    std::int64_t rows, depth;  // of the left side
};
constexpr Portion of_split_matrix{256, 768}, in_passing{32, 512};
constexpr std::int64_t numbers_in_cache = 512 * 384;  // of a right side that is split in passing

std::int64_t blocks_of(std::int64_t lines, std::int64_t depth) {
    return (lines + block_lines - 1) / block_lines * ((depth + step_depth - 1) / step_depth);
}

using Blocks = base::AlignedVector<std::uint16_t>;
std::uint16_t* room_for(Blocks& blocks, std::int64_t count) {
    const auto needed = static_cast<std::size_t>(count * block_values);
    if (blocks.size() < needed) blocks.resize(needed);
    return blocks.data();
}

// Lines and depth from a place on.
MatrixLines part_of(const MatrixLines& all, std::int64_t line, std::int64_t lines, std::int64_t k, std::int64_t depth) {
    MatrixLines part = all;
    part.values += all.along ? line * all.stride + k : k * all.stride + line;
    part.lines = std::min(lines, all.lines - line);
    part.depth = std::min(depth, all.depth - k);
    return part;
}

MatrixLines rows_of(const FloatMatrix& matrix) {
    return {matrix.values, matrix.rows, matrix.columns, matrix.stride, !matrix.by_columns};
}
MatrixLines columns_of(const FloatMatrix& matrix) {
    return {matrix.values, matrix.columns, matrix.rows, matrix.stride, matrix.by_columns};
}

// All rows by the right side's blocks of `columns` columns from `column` on and of the depth from k on.
void multiply_rows(const Portion& portion, const MatrixLines& left, std::int64_t k, const std::uint16_t* right,
                   std::int64_t column, std::int64_t columns, std::int64_t all_columns, const ProductOutput& output) {
    thread_local Blocks blocks;
    for (std::int64_t row = 0; row < left.lines; row += portion.rows) {
        const MatrixLines part = part_of(left, row, portion.rows, k, portion.depth);
        std::uint16_t* split = room_for(blocks, blocks_of(part.lines, part.depth));
        split_kernel()->split(part, Side::left, split);
        split_kernel()->multiply({split, right, part.lines, columns, blocks_of(1, part.depth),
                                  output.values + row * all_columns + column, all_columns,
                                  k == 0 && output.bias ? output.bias + column : nullptr, k > 0 || output.add});
    }
}

void check_depth(std::int64_t left, std::int64_t right) {
    if (left != right || left == 0) base::fail(base::ErrorKind::internal, "no product of {} columns and {} rows", left, right);
}

}  // namespace

bool split_products_usable() {
    return split_kernel() != nullptr;
}

// A product saves some 3.3 ps a multiplication. Splitting costs 0.2 ns for a number of the left, which meets each column, and
// 0.3 ns for one of the right, which is often farther away and meets each row.
bool split_product_pays(std::int64_t rows, std::int64_t depth, std::int64_t columns) {
    return rows > 0 && columns > 0 && depth >= step_depth &&
           64.0 / static_cast<double>(columns) + 96.0 / static_cast<double>(rows) <= 1;
}

void multiply_split(const FloatMatrix& left, const FloatMatrix& right, const ProductOutput& output) {
    check_depth(left.columns, right.rows);
    thread_local Blocks blocks;
    const MatrixLines rows = rows_of(left), columns = columns_of(right);
    const std::int64_t depth = std::min(in_passing.depth, (right.rows + step_depth - 1) / step_depth * step_depth);
    const std::int64_t at_once = numbers_in_cache / depth / block_lines * block_lines;
    for (std::int64_t column = 0; column < right.columns; column += at_once)
        for (std::int64_t k = 0; k < right.rows; k += in_passing.depth) {
            const MatrixLines part = part_of(columns, column, at_once, k, in_passing.depth);
            std::uint16_t* split = room_for(blocks, blocks_of(part.lines, part.depth));
            split_kernel()->split(part, Side::right, split);
            multiply_rows(in_passing, rows, k, split, column, part.lines, right.columns, output);
        }
}

SplitMatrix::SplitMatrix(const FloatMatrix& right) : rows_(right.rows), columns_(right.columns) {
    std::int64_t blocks = 0;
    const auto each_part = [&](auto&& take) {
        for (std::int64_t k = 0; k < rows_; k += of_split_matrix.depth)
            take(part_of(columns_of(right), 0, columns_, k, of_split_matrix.depth));
    };
    each_part([&](const MatrixLines& part) { blocks += blocks_of(part.lines, part.depth); });
    std::uint16_t* to = room_for(parts_, blocks);
    each_part([&](const MatrixLines& part) {
        split_kernel()->split(part, Side::right, to);
        to += blocks_of(part.lines, part.depth) * block_values;
    });
}

void SplitMatrix::multiply_into(const FloatMatrix& left, const ProductOutput& output) const {
    check_depth(left.columns, rows_);
    const std::uint16_t* from = parts_.data();
    for (std::int64_t k = 0; k < rows_; k += of_split_matrix.depth) {
        multiply_rows(of_split_matrix, rows_of(left), k, from, 0, columns_, columns_, output);
        from += blocks_of(columns_, std::min(of_split_matrix.depth, rows_ - k)) * block_values;
    }
}

}  // namespace kohort::model

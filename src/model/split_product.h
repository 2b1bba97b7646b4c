// Products of float32 matrices in the bf16 tiles of AMX, no less exact than with fused multiply-adds and up to twice as fast.
// Each number is the sum of three bf16 numbers; of the nine products of such parts the six larger ones are taken, and tiles
// add in float32. (Henry, Tang and Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision
// Computations", ARITH 2019; split_product_amx.cpp says how exact.) The same bits whatever else the process does: one thread
// computes each product.
#pragma once

#include <cstdint>

#include "base/aligned_vector.h"

namespace kohort::model {

// Float32 numbers without gaps between those of a row, or, by_columns, of a column.
struct FloatMatrix {
    const float* values;
    std::int64_t rows, columns;
    std::int64_t stride;  // from row to row, or from column to column
    bool by_columns = false;
};

// Where a product goes: [rows of the left, columns of the right] by rows without gaps.
struct ProductOutput {
    float* values;
    const float* bias = nullptr;  // [columns], added to each row
    bool add = false;             // to what is there
};

// Whether this machine has such tiles and ONEDNN_MAX_CPU_ISA, which --isa sets, is DEFAULT or not there.
bool split_products_usable();

// Whether a product of such a shape is faster so: matrices are split in passing, which few rows or columns do not repay.
bool split_product_pays(std::int64_t rows, std::int64_t depth, std::int64_t columns);

// left [m, k] right [k, n], k at least 1. Needs split_products_usable(). A number that is not finite, or rounds to more than
// bf16 holds (3.39e38), makes its sums NaN; of numbers below 1e-31 the last digits are lost.
void multiply_split(const FloatMatrix& left, const FloatMatrix& right, const ProductOutput& output);

// A right side [k, n] that is split once for many products: six bytes a number. As multiply_split() otherwise, but for the last
// bits where k is above 512.
class SplitMatrix {
  public:
    explicit SplitMatrix(const FloatMatrix& right);
    void multiply_into(const FloatMatrix& left, const ProductOutput& output) const;

  private:
    std::int64_t rows_, columns_;
    base::AlignedVector<std::uint16_t> parts_;
};

}  // namespace kohort::model

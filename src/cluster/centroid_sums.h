// The exact sums behind the centroids: int64 fixed point, so that a row can be added on any rank, in any order, and
// taken out again without a trace (a row that changes its cluster is subtracted there and added here).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kohort::cluster {

// The grid of the sums. Agreed once from global numbers: rows, and the largest |weight * component|.
class CentroidGrid {
  public:
    CentroidGrid(std::int64_t global_rows, double largest_component);

    // sums [d] += factor * row [d], each component's product (exact in double) rounded half to even to the grid. factor
    // is a row's weight, negative where the row is taken out.
    void accumulate(const float* row, std::int64_t d, float factor, std::int64_t* sums) const;

    // float32((double)sum / mass * 2^-exponent) for each component. mass > 0: the sum of the rows' weights.
    void mean(std::span<const std::int64_t> sums, double mass, float* centroid) const;

    // The unit vector of the same direction, each component rounded once; false, and nothing done, where the sums are 0.
    bool direction(std::span<const std::int64_t> sums, float* centroid) const;

    // A sum as a number, rounded once.
    double value(std::int64_t sum) const { return static_cast<double>(sum) * step_; }

    // The squared distance of a row from the mean of copies of itself is below this (rounding to the grid only).
    double resolution(std::int64_t d) const;

    int exponent() const { return exponent_; }

  private:
    int exponent_;
    double scale_, step_;
};

}  // namespace kohort::cluster

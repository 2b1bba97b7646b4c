// The sums behind the centroids, exact to a grid: int64 fixed point. Each component of a row is rounded once, to a step that
// follows from the number of rows and the largest component of all; from there on nothing is rounded, so that a row can be
// added on any rank, in any order, and taken out again without a trace (a row that changes its cluster is subtracted there and
// added here). Beside one huge component the step is coarse for all others: k-means says so (RowSet).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/metric.h"

namespace kohort::cluster {

// Rows of one value and weight, alone in a cluster, are no farther than this from its centroid, in squared distance.
struct Resolution {
    double rounding = 0;  // what the rounding to float32 may make
    double grid = 0;      // what the grid may make of rows of weight 1: the lighter, the more
    double of(float weight) const { return rounding + grid / (static_cast<double>(weight) * static_cast<double>(weight)); }
};

// The grid of the sums. Agreed once from global numbers: rows, and the largest |weight * component|.
class CentroidGrid {
  public:
    CentroidGrid(std::int64_t global_rows, double largest_component);

    // sums [d] += factor * row [d], each component's product (exact in double) rounded half to even to the grid. factor
    // is a row's weight, negative where the row is taken out.
    void accumulate(const float* row, std::int64_t d, float factor, std::int64_t* sums) const;

    // The same, with what `to` [d] gains taken off `from` [d]: a row that changes its cluster.
    void move(const float* row, std::int64_t d, float factor, std::int64_t* from, std::int64_t* to) const;

    // float32((double)sum / mass * 2^-exponent) for each component. mass > 0: the sum of the rows' weights.
    void mean(std::span<const std::int64_t> sums, double mass, float* centroid) const;

    // The unit vector of the same direction, each component rounded once; false, and nothing done, where the sums are 0.
    bool direction(std::span<const std::int64_t> sums, float* centroid) const;

    // A sum as a number, rounded once.
    double value(std::int64_t sum) const { return static_cast<double>(sum) * step_; }

    Resolution resolution(std::int64_t d, Metric metric) const;

    int exponent() const { return exponent_; }

  private:
    int exponent_;
    double scale_, step_;
};

}  // namespace kohort::cluster

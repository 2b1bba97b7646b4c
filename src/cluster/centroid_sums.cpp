#include "cluster/centroid_sums.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "parallel/exact_sum.h"

namespace kohort::cluster {
namespace {

// At least 4096 terms are allowed for, so that a term stays below 2^50 and the rounding below works. A float has 24
// bits: a grid of 2^-50 of the largest component holds it exactly down to 2^-26 of that largest.
constexpr std::int64_t least_terms = 4096;

// Adding 1.5 * 2^52 to a double of less than 2^51 leaves its nearest integer (half to even) in the low bits.
constexpr double rounder = 0x1.8p52;

}  // namespace

CentroidGrid::CentroidGrid(std::int64_t global_rows, double largest_component)
    : exponent_(parallel::fixed_point_exponent(std::max(global_rows, least_terms), largest_component)),
      scale_(std::ldexp(1.0, exponent_)),
      step_(std::ldexp(1.0, -exponent_)) {}

void CentroidGrid::accumulate(const float* row, std::int64_t d, float factor, std::int64_t* sums) const {
    // A negative factor negates the rounded integer exactly, because half to even is symmetric.
    const double scale = static_cast<double>(factor) * scale_;
    for (std::int64_t j = 0; j < d; ++j) {
        const double shifted = static_cast<double>(row[j]) * scale + rounder;
        sums[j] += std::bit_cast<std::int64_t>(shifted) - std::bit_cast<std::int64_t>(rounder);
    }
}

void CentroidGrid::mean(std::span<const std::int64_t> sums, double mass, float* centroid) const {
    for (std::size_t j = 0; j < sums.size(); ++j)
        centroid[j] = static_cast<float>(std::ldexp(static_cast<double>(sums[j]) / mass, -exponent_));
}

bool CentroidGrid::direction(std::span<const std::int64_t> sums, float* centroid) const {
    double squares = 0;
    for (const std::int64_t sum : sums) squares += value(sum) * value(sum);
    if (squares == 0) return false;
    const double length = std::sqrt(squares);
    for (std::size_t j = 0; j < sums.size(); ++j) centroid[j] = static_cast<float>(value(sums[j]) / length);
    return true;
}

double CentroidGrid::resolution(std::int64_t d) const {
    return static_cast<double>(d) * std::ldexp(1.0, -2 * exponent_ - 1);
}

}  // namespace kohort::cluster

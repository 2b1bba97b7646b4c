#include "cluster/certify.h"

#include <limits>

#include "cluster/tile_kernel.h"

namespace kohort::cluster {
namespace {

constexpr double float_rounding = 0x1p-24, double_rounding = 0x1p-53, smallest_normal = 0x1p-126;
constexpr double largest_norm = 0x1p60;
// The bound itself is computed in double with a few roundings; this covers them.
constexpr double slack = 1 + 0x1p-20;

double roundings(double count, double size) { return count * size / (1 - count * size); }

}  // namespace

CertifiedGap::CertifiedGap(std::int64_t dimensions, double largest_centroid_norm) : centroid_norm_(largest_centroid_norm) {
    const auto d = static_cast<double>(dimensions);
    const std::int64_t chunks = (dimensions + chunk_dimensions - 1) / chunk_dimensions;
    const std::int64_t in_a_row = (dimensions < chunk_dimensions ? dimensions : chunk_dimensions) + chunks;
    product_factor_ = 2 * roundings(static_cast<double>(in_a_row), float_rounding) * centroid_norm_;
    constant_ = roundings(3, float_rounding) * centroid_norm_ * centroid_norm_ + (2 * d + 4) * smallest_normal;
    distance_factor_ = roundings(static_cast<double>((dimensions + 7) / 8 + 6), double_rounding);
}

double CertifiedGap::operator()(double row_norm) const {
    if (!(row_norm < largest_norm && centroid_norm_ < largest_norm)) return std::numeric_limits<double>::infinity();
    const double both = row_norm + centroid_norm_;
    return 2 * slack * (product_factor_ * row_norm + constant_ + distance_factor_ * both * both);
}

}  // namespace kohort::cluster

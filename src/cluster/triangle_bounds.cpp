#include "cluster/triangle_bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cluster/canonical_distance.h"

namespace kohort::cluster {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// At least the distance whose canonical square is given: 2^-21 is more than the relative error of both roundings.
float drift_of(double square) {
    return square == 0 ? 0.0f : std::nextafter(static_cast<float>(std::sqrt(square) * (1 + 0x1p-21)), infinity);
}

}  // namespace

TriangleBounds::TriangleBounds(std::int64_t local_rows, std::int64_t clusters)
    : upper_(static_cast<std::size_t>(local_rows), infinity),
      lower_(static_cast<std::size_t>(local_rows), 0.0f),
      drift_(static_cast<std::size_t>(clusters)),
      half_gap_(static_cast<std::size_t>(clusters)) {}

void TriangleBounds::move(std::span<const float> before, std::span<const float> after, std::int64_t dimensions,
                          std::span<const float> half_gaps) {
    largest_drift_ = second_drift_ = 0;
    fastest_ = -1;
    for (std::size_t c = 0; c < drift_.size(); ++c) {
        const auto at = static_cast<std::int64_t>(c) * dimensions;
        const float drift = drift_of(canonical_distance(before.data() + at, after.data() + at, dimensions));
        drift_[c] = drift;
        if (drift > largest_drift_) {
            second_drift_ = largest_drift_;
            largest_drift_ = drift;
            fastest_ = static_cast<std::int32_t>(c);
        } else {
            second_drift_ = std::max(second_drift_, drift);
        }
    }
    if (half_gaps.empty()) std::ranges::fill(half_gap_, 0.0f);
    else std::ranges::copy(half_gaps, half_gap_.begin());
}

void TriangleBounds::forget(std::int64_t local) { upper_[static_cast<std::size_t>(local)] = infinity; }

void TriangleBounds::set(std::int64_t local, float upper, float lower) {
    upper_[static_cast<std::size_t>(local)] = upper;
    lower_[static_cast<std::size_t>(local)] = lower;
}

}  // namespace kohort::cluster

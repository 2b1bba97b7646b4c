// Rows that cannot have changed their cluster, told without looking at them: G. Hamerly, "Making k-means even faster",
// SDM 2010. Each row keeps an upper bound u of the distance to its centroid and a lower bound l of the distance to all
// others; both give way as the centroids move, and while u < max(l, half the way to the nearest other centroid) the
// row stays where it is.
//
// The bounds are floats rounded outwards, so they hold for the exact distances D. A row is passed over only where
// u (1 + s) < l with s = 2^-20: then the canonical distances K of its centroid a and of any other b, each within
// g = g(ceil(d / 8) + 6, 2^-53) < 2^-21 (d < 2^30) of the exact squares (certify.h), have
//     K(a) <= u^2 (1 + g) < l^2 (1 - g) <= K(b),   because (1 + s)^2 > (1 + g) / (1 - g).
// So pruning changes no label, not even where distances tie.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace kohort::cluster {

class TriangleBounds {
  public:
    TriangleBounds(std::int64_t local_rows, std::int64_t clusters);

    // The centroids have moved from `before` to `after`, both [k, d]. half_gaps [k]: at most half the distance of
    // each new centroid to its nearest neighbour; empty: not known.
    void move(std::span<const float> before, std::span<const float> after, std::int64_t dimensions,
              std::span<const float> half_gaps);

    // Lets a row's bounds give way to the last move; whether it certainly keeps its label.
    bool keeps(std::int64_t local, std::int32_t label);

    // The row must be looked at in the next assignment, whatever its bounds.
    void forget(std::int64_t local);

    void set(std::int64_t local, float upper, float lower);

  private:
    std::vector<float> upper_, lower_;     // [local rows]
    std::vector<float> drift_, half_gap_;  // [k]
    float largest_drift_ = 0, second_drift_ = 0;
    std::int32_t fastest_ = -1;
};

inline bool TriangleBounds::keeps(std::int64_t local, std::int32_t label) {
    if (label < 0) return false;
    constexpr float wider = 1 + 0x1p-22f, narrower = 1 - 0x1p-22f, tiny = std::numeric_limits<float>::min();
    float& upper = upper_[static_cast<std::size_t>(local)];
    float& lower = lower_[static_cast<std::size_t>(local)];
    const float others = label == fastest_ ? second_drift_ : largest_drift_;
    // Two roundings of 2^-24 each are made good by 2^-22, and by `tiny` where numbers are subnormal.
    upper = (upper + drift_[static_cast<std::size_t>(label)]) * wider + tiny;
    lower = std::max((lower - others) * narrower - tiny, 0.0f);
    return upper * (1 + 0x1p-20f) < std::max(lower, half_gap_[static_cast<std::size_t>(label)]);
}

}  // namespace kohort::cluster

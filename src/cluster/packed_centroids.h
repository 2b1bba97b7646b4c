// Centroids laid out for the float32 kernels: the numbers one step of the inner loop needs lie side by side.
#pragma once

#include <cstdint>
#include <span>

#include "base/aligned_vector.h"
#include "cluster/tile_kernel.h"

namespace kohort::cluster {

class PackedCentroids {
  public:
    // centroids: [k, d] with norms below 2^60. kernel: the one they are for. threads: that do it.
    PackedCentroids(std::span<const float> centroids, std::int64_t dimensions, const TileKernel& kernel, int threads = 1);
    PackedView view() const;

  private:
    std::int64_t dimensions_, narrow_centroids_ = 0;
    base::AlignedVector<float> panels_, narrow_, norms_;
};

}  // namespace kohort::cluster

// Centroids laid out for the float32 kernels: the numbers one step of the inner loop needs lie side by side.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/tile_kernel.h"

namespace kohort::cluster {

class PackedCentroids {
  public:
    // centroids: [k, d] with norms below 2^60. lanes and wide as in the TileKernel they are for.
    PackedCentroids(std::span<const float> centroids, std::int64_t dimensions, int lanes, int wide);
    PackedView view() const;

  private:
    std::int64_t dimensions_;
    std::vector<float> panels_, norms_;
};

}  // namespace kohort::cluster

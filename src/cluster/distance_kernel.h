// Which centroid is nearest to each row: the inner loop of everything here. A kernel may compute however it likes,
// but its answer is defined: the argmin of canonical_distance(), ties to the lowest cluster id.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cluster/certify.h"
#include "cluster/packed_centroids.h"

namespace kohort::cluster {

enum class Kernel {
    automatic,  // the fastest this machine has
    scalar,     // canonical distances only: slow, and the definition
    portable,   // float32 in vectors of four, certified
    avx2,       // float32 in vectors of eight, certified
    avx512      // float32 in vectors of sixteen, certified
};

Kernel parse_kernel(std::string_view name);  // "auto", "scalar", "portable", "avx2", "avx512"; Error(usage) otherwise
std::string_view kernel_name(Kernel kernel);
// The kernel that will run for this choice. Error(environment) where a named one is not supported here.
Kernel resolve_kernel(Kernel kernel);

// Where the answers for some rows go, one element a row; null where one is not asked for.
struct Answers {
    std::int32_t* labels;             // the nearest centroid
    std::int32_t* seconds = nullptr;  // the nearest of the others (ties again to the lowest id), -1 for k = 1
    float* upper = nullptr;           // at least the Euclidean distance to the label ...
    float* lower = nullptr;           // ... and at most that to any other centroid; both or none, not with seconds
};

class DistanceKernel {
  public:
    // centroids: [k, dimensions], k >= 1, finite; copied.
    DistanceKernel(std::span<const float> centroids, std::int64_t dimensions, Kernel kernel = Kernel::automatic);

    // rows: [count, dimensions]; norms: [count] by norm_bound(). Returns how many rows the float32 arithmetic could
    // not settle (all for Kernel::scalar). Thread-safe.
    std::int64_t assign(const float* rows, const float* norms, std::int64_t count, const Answers& answers) const;

    std::int64_t clusters() const { return clusters_; }
    const float* centroid(std::int64_t cluster) const { return centroids_.data() + cluster * dimensions_; }
    Kernel kernel() const { return kernel_; }

  private:
    struct Unsettled;

    std::int64_t assign_block(const float* rows, const float* norms, std::int64_t count, const Answers& answers) const;
    void settle(const float* rows, const std::vector<Unsettled>& unsettled, const Answers& answers) const;
    void scan_canonically(const float* row, std::int64_t i, const Answers& answers) const;

    Kernel kernel_;
    const TileKernel* tile_kernel_;  // null for Kernel::scalar
    std::int64_t dimensions_, clusters_;
    std::vector<float> centroids_;
    std::optional<PackedCentroids> packed_;
    CertifiedGap gap_;
};

}  // namespace kohort::cluster

// Which centroid is nearest to each row: the inner loop of everything here. A kernel may compute however it likes,
// but its answer is defined: the argmin of canonical_distance(), ties to the lowest cluster id.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace kohort::cluster {

enum class Kernel {
    automatic,  // the fastest this machine has
    scalar      // canonical distances only: slow, and the definition
};

Kernel parse_kernel(std::string_view name);  // "auto", "scalar"; Error(usage) otherwise
std::string_view kernel_name(Kernel kernel);
// The kernel that will run for this choice. Error(environment) where a named one is not supported here.
Kernel resolve_kernel(Kernel kernel);

class DistanceKernel {
  public:
    // centroids: [k, dimensions], k >= 1, finite; copied.
    DistanceKernel(std::span<const float> centroids, std::int64_t dimensions, Kernel kernel = Kernel::automatic);

    // labels[i] = the nearest centroid of row i. rows: [count, dimensions]; norms: [count] by norm_bound().
    // Returns how many rows needed canonical distances to more than one centroid. Thread-safe.
    std::int64_t assign(const float* rows, const float* norms, std::int64_t count, std::int32_t* labels) const;

    // The same, and seconds[i] = the nearest of the other centroids (ties again to the lowest id), -1 for k = 1.
    std::int64_t assign_two(const float* rows, const float* norms, std::int64_t count, std::int32_t* labels,
                            std::int32_t* seconds) const;

    std::int64_t clusters() const { return clusters_; }
    const float* centroid(std::int64_t cluster) const { return centroids_.data() + cluster * dimensions_; }
    Kernel kernel() const { return kernel_; }

  private:
    Kernel kernel_;
    std::int64_t dimensions_, clusters_;
    std::vector<float> centroids_;
};

}  // namespace kohort::cluster

#include "cluster/distance_kernel.h"

#include <limits>

#include "base/error.h"
#include "cluster/canonical_distance.h"

namespace kohort::cluster {
namespace {

struct NearestTwo {
    std::int32_t first = -1, second = -1;
    double first_distance = std::numeric_limits<double>::infinity(), second_distance = first_distance;

    // Candidates come in ascending order of id, so that a strict comparison leaves ties to the lowest.
    void offer(std::int32_t id, double distance) {
        if (distance < first_distance) {
            second = first, second_distance = first_distance;
            first = id, first_distance = distance;
        } else if (distance < second_distance) {
            second = id, second_distance = distance;
        }
    }
};

}  // namespace

Kernel parse_kernel(std::string_view name) {
    if (name == "auto") return Kernel::automatic;
    if (name == "scalar") return Kernel::scalar;
    base::fail(base::ErrorKind::usage, "unknown kernel '{}': use auto or scalar", name);
}

std::string_view kernel_name(Kernel kernel) { return kernel == Kernel::automatic ? "auto" : "scalar"; }

Kernel resolve_kernel(Kernel) { return Kernel::scalar; }

DistanceKernel::DistanceKernel(std::span<const float> centroids, std::int64_t dimensions, Kernel kernel)
    : kernel_(resolve_kernel(kernel)),
      dimensions_(dimensions),
      clusters_(static_cast<std::int64_t>(centroids.size()) / dimensions),
      centroids_(centroids.begin(), centroids.end()) {}

std::int64_t DistanceKernel::assign_two(const float* rows, const float*, std::int64_t count, std::int32_t* labels,
                                        std::int32_t* seconds) const {
    for (std::int64_t i = 0; i < count; ++i) {
        NearestTwo nearest;
        for (std::int64_t c = 0; c < clusters_; ++c)
            nearest.offer(static_cast<std::int32_t>(c), canonical_distance(rows + i * dimensions_, centroid(c), dimensions_));
        labels[i] = nearest.first;
        if (seconds) seconds[i] = nearest.second;
    }
    return count;
}

std::int64_t DistanceKernel::assign(const float* rows, const float* norms, std::int64_t count, std::int32_t* labels) const {
    return assign_two(rows, norms, count, labels, nullptr);
}

}  // namespace kohort::cluster

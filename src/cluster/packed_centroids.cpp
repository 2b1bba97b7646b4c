#include "cluster/packed_centroids.h"

#include <algorithm>
#include <limits>

namespace kohort::cluster {

PackedCentroids::PackedCentroids(std::span<const float> centroids, std::int64_t dimensions, int lanes, int wide)
    : dimensions_(dimensions) {
    const std::int64_t clusters = static_cast<std::int64_t>(centroids.size()) / dimensions;
    const std::int64_t columns = (clusters + lanes - 1) / lanes * lanes;
    panels_.assign(static_cast<std::size_t>(columns * dimensions), 0.0f);
    norms_.assign(static_cast<std::size_t>(columns), std::numeric_limits<float>::infinity());
    for (std::int64_t first = 0; first < columns; first += wide) {
        const std::int64_t width = std::min<std::int64_t>(wide, columns - first);
        float* panel = panels_.data() + first * dimensions;
        for (std::int64_t c = first; c < std::min(first + width, clusters); ++c) {
            const float* values = centroids.data() + c * dimensions;
            double norm = 0;
            for (std::int64_t j = 0; j < dimensions; ++j) {
                panel[j * width + c - first] = -2 * values[j];
                norm += static_cast<double>(values[j]) * static_cast<double>(values[j]);
            }
            norms_[static_cast<std::size_t>(c)] = static_cast<float>(norm);
        }
    }
}

PackedView PackedCentroids::view() const {
    return {panels_.data(), norms_.data(), static_cast<std::int64_t>(norms_.size()), dimensions_};
}

}  // namespace kohort::cluster

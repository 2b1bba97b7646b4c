#include "cluster/packed_centroids.h"

#include <algorithm>
#include <limits>

#include "cluster/in_parallel.h"

namespace kohort::cluster {

PackedCentroids::PackedCentroids(std::span<const float> centroids, std::int64_t dimensions, const TileKernel& kernel,
                                 int threads)
    : dimensions_(dimensions) {
    const std::int64_t lanes = kernel.lanes, clusters = static_cast<std::int64_t>(centroids.size()) / dimensions;
    const std::int64_t columns = (clusters + lanes - 1) / lanes * lanes;
    norms_.assign(static_cast<std::size_t>(columns), std::numeric_limits<float>::infinity());
    for_each_item(threads, clusters, dimensions, [&](std::int64_t c) {
        const float* values = centroids.data() + c * dimensions;
        double norm = 0;
        for (std::int64_t j = 0; j < dimensions; ++j) norm += static_cast<double>(values[j]) * static_cast<double>(values[j]);
        norms_[static_cast<std::size_t>(c)] = static_cast<float>(norm);
    });
    if (kernel.narrow && clusters <= narrow_most_centroids && dimensions >= narrow_least_dimensions &&
        dimensions <= narrow_dimensions) {
        narrow_centroids_ = std::max<std::int64_t>((clusters + 1) / 2 * 2, 4);
        const std::int64_t stride = (dimensions + narrow_lanes - 1) / narrow_lanes * narrow_lanes;
        narrow_.assign(static_cast<std::size_t>(narrow_centroids_ * stride), 0.0f);
        for (std::int64_t c = 0; c < clusters; ++c)
            for (std::int64_t j = 0; j < dimensions; ++j)
                narrow_[static_cast<std::size_t>(c * stride + j)] =
                    -2 * centroids[static_cast<std::size_t>(c * dimensions + j)];
        return;
    }
    panels_.assign(static_cast<std::size_t>(columns * dimensions), 0.0f);
    const std::int64_t panels = (columns + kernel.wide - 1) / kernel.wide;
    for_each_item(threads, panels, kernel.wide * dimensions, [&](std::int64_t number) {
        const std::int64_t first = number * kernel.wide;
        const std::int64_t width = std::min<std::int64_t>(kernel.wide, columns - first);
        float* panel = panels_.data() + first * dimensions;
        for (std::int64_t j = 0; j < dimensions; ++j)  // written in the order of memory
            for (std::int64_t c = first; c < std::min(first + width, clusters); ++c)
                panel[j * width + c - first] = -2 * centroids[static_cast<std::size_t>(c * dimensions + j)];
    });
}

PackedView PackedCentroids::view() const {
    return {panels_.data(), norms_.data(), static_cast<std::int64_t>(norms_.size()), dimensions_,
            narrow_.empty() ? nullptr : narrow_.data(), narrow_centroids_};
}

}  // namespace kohort::cluster

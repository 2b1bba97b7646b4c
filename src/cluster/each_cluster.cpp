#include "cluster/each_cluster.h"

#include <algorithm>

#include "base/worker_threads.h"

namespace kohort::cluster {

void for_each_cluster_range(int threads, std::int64_t clusters, std::int64_t dimensions,
                            const std::function<void(std::int64_t, std::int64_t)>& work) {
    constexpr std::int64_t worthwhile = 1 << 16;  // numbers
    if (threads == 1 || clusters * dimensions < worthwhile) {
        work(0, clusters);
        return;
    }
    const std::int64_t lots = std::min<std::int64_t>(clusters, 4 * threads);
    base::parallel_for(threads, lots, [&](std::int64_t lot) { work(clusters * lot / lots, clusters * (lot + 1) / lots); });
}

void for_each_cluster(int threads, std::int64_t clusters, std::int64_t dimensions, const std::function<void(std::int64_t)>& work) {
    for_each_cluster_range(threads, clusters, dimensions, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t c = first; c < last; ++c) work(c);
    });
}

}  // namespace kohort::cluster

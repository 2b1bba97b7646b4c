// Work on centroids, by the threads of a rank.
#pragma once

#include <cstdint>
#include <functional>

namespace kohort::cluster {

// Calls work(first, last) for ranges that make up [0, clusters), each by one thread; by the calling one alone where k x d is
// so small that another would only begin when all is done.
void for_each_cluster_range(int threads, std::int64_t clusters, std::int64_t dimensions,
                            const std::function<void(std::int64_t first, std::int64_t last)>& work);

// The same a cluster at a time.
void for_each_cluster(int threads, std::int64_t clusters, std::int64_t dimensions, const std::function<void(std::int64_t)>& work);

}  // namespace kohort::cluster

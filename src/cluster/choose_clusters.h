// How many clusters, when nobody said: a plain rule for a first run.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cluster/kmeans.h"

namespace kohort::cluster {

struct ClusterChoice {
    struct Candidate {
        std::int64_t clusters = 0;
        double score = 0;  // simplified silhouette, rounded to 1e-6
    };
    std::int64_t clusters = 1;
    std::vector<Candidate> candidates;  // ascending
    std::string reason;                 // one line for people
};

// Collective. K-means for every k from 2 to the lesser of 20 and the root of half the rows, on a sample of at most
// 20,000 rows drawn by global row id; the highest simplified silhouette wins (Hruschka et al. 2004: the mean over
// rows of (b - a) / b, a and b being the distances to the nearest and the second centroid), ties to the fewer
// clusters. Fewer than 8 rows make one cluster.
ClusterChoice choose_clusters(parallel::Communicator& comm, std::span<const RowBlock> blocks, std::int64_t dimensions,
                              std::uint64_t seed, int threads);

}  // namespace kohort::cluster

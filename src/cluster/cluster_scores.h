// How good a division of rows into clusters is, by the scores that people compare numbers of clusters with.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "cluster/kmeans.h"
#include "parallel/communicator.h"

namespace kohort::cluster {

struct ClusterScores {
    // The simplified silhouette (Hruschka et al. 2004): the mean over rows of (b - a) / b with Euclidean distances a to
    // the nearest and b to the second centroid; as in Rousseeuw's (1987) a row alone in its cluster counts 0 (otherwise
    // as many clusters as rows would be perfect), and so does every row where there is one cluster only.
    double silhouette = 0;
    // Davies and Bouldin 1979 (lower is better): the mean over clusters of the largest (s_i + s_j) / |c_i - c_j|, s being
    // the mean distance of a cluster's rows to their mean c. Nothing for a single cluster.
    std::optional<double> davies_bouldin;
    // Calinski and Harabasz 1974 (higher is better): squared distances between clusters over those within, each by its
    // degrees of freedom. Nothing for a single cluster, or where no row lies off its cluster's mean.
    std::optional<double> calinski_harabasz;
};

// Collective; equal on all ranks, and the same bits however the rows are dealt to them: all sums over rows are exact.
// rows [n, d]: this rank's, in the order of the result's labels. Clusters without rows do not count.
ClusterScores score_clusters(parallel::Communicator& comm, std::span<const float> rows, std::int64_t dimensions,
                             const KMeansResult& result);

}  // namespace kohort::cluster

// Clusters of bounded size: rows leave clusters that are too large for near ones that have room.
#pragma once

#include <cstdint>
#include <span>

#include "cluster/final_assignment.h"
#include "cluster/kmeans.h"

namespace kohort::cluster {

// The most rows of a cluster: the largest whole number that is not above bound * rows / clusters, but ceil(rows / clusters)
// where that is more, as all rows need a place.
std::int64_t capacity_of(double bound, std::int64_t rows, std::int64_t clusters);

// Collective. Changes an assignment to `centroids` [k, d] so that no cluster has more than `capacity` rows, of at least
// rows / k. Until none has too many, in rounds: each row of a cluster that has too many looks for the nearest centroid
// of those with room; as many rows as are too many go there, those that lose least in squared distance first (ties to
// the lowest row id). A cluster that has shrunk to its capacity takes no more rows, so after at most k rounds all fit.
// Distances, seconds and margins are of the new labels: a margin below 0 says that another centroid is nearer.
void balance(parallel::Communicator& comm, const RowSet& rows, std::span<const float> centroids, std::int64_t capacity,
             Kernel kernel, Assignment& assignment);

// Collective. Makes a finished k-means balanced: its assignment is balanced to options.balance, centroids become the
// means of their rows, and so on, at most ten times or until no row moves; the result with the least inertia stays.
// centroids and assignment are those of KMeansResult.
void balance_clusters(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options,
                      std::vector<float>& centroids, Assignment& assignment);

}  // namespace kohort::cluster

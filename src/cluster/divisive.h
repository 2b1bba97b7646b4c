// Initialisations that cluster parts of the rows on their own: for thousands of clusters, where comparing every row
// with every centroid in every iteration costs too much, and for clusters that come from splitting others.
#pragma once

#include <cstdint>
#include <vector>

#include "cluster/kmeans.h"

namespace kohort::cluster {

// Collective; [k, d], equal on all ranks. The root of k clusters first; then each is divided on its own, into a share of
// the k by its number of rows. An iteration costs about 2 n sqrt(k) distances instead
// of n k. options: as for kmeans(), whose clusters, seed, threads and kernels are used.
std::vector<float> hierarchical_centroids(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options);

// Collective; [k, d], equal on all ranks. Bisecting k-means (Steinbach, Karypis and Kumar 2000): the cluster with the
// largest inertia, ties to the oldest, is split in two, until there are k or nothing is left to split; then the last
// centroid is repeated.
std::vector<float> bisecting_centroids(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options);

// How `seats` are shared out by `votes`: by the method of Jefferson (each further seat goes where a seat stands for
// most votes, ties to the lowest index), with at least one seat for each party that has votes, and no more than votes.
std::vector<std::int64_t> share_out(const std::vector<std::int64_t>& votes, std::int64_t seats);

}  // namespace kohort::cluster

// What a user of the clusters sees of each row: its cluster, the runner-up, how far, how clear-cut. One pass over
// the rows with the stored float32 centroids, so that anyone can check it against the files.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/distance_kernel.h"
#include "cluster/row_set.h"
#include "parallel/communicator.h"

namespace kohort::cluster {

struct Assignment {
    // Of the local rows, in the order of the blocks given:
    std::vector<std::int32_t> labels;   // the nearest centroid, ties to the lowest id
    std::vector<std::int32_t> seconds;  // the nearest of the others, ties to the lowest id; -1 where k = 1
    std::vector<float> distances;       // canonical (squared Euclidean) distance to the nearest, rounded
    std::vector<float> margins;         // (b - a) / b with Euclidean distances a to the nearest and b to the second,
                                        // in [0, 1]; 0 where b = 0, 1 where k = 1
    // Of all rows, equal on all ranks:
    std::vector<std::int64_t> counts;  // [k]
    double inertia = 0;                // the sum of canonical distances in fixed point, rounded once
    double mean_margin = 0;            // the simplified silhouette (Hruschka et al. 2004)
    std::int64_t rescanned = 0;
};

// Collective. centroids: [k, d], equal on all ranks.
Assignment assign_rows(parallel::Communicator& comm, const RowSet& rows, std::span<const float> centroids, Kernel kernel);

}  // namespace kohort::cluster

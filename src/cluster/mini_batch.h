// A warm-up before Lloyd's iterations: centroids moved by small random batches of rows (Sculley, "Web-scale k-means
// clustering", 2010), which brings them near where they belong at a fraction of a whole pass.
#pragma once

#include <cstdint>
#include <vector>

#include "cluster/kmeans.h"

namespace kohort::cluster {

// Rows of a batch, on average: each row's part in it is a draw by its global id.
inline constexpr std::int64_t mini_batch_rows = 10'000;

// Collective; [k, d], equal on all ranks. options.warm_up_batches batches, of their own for each restart. After each a
// centroid is the mean of all rows that batches have given it so far (with Metric::cosine that mean's direction); one
// that none has been given stays where it is.
std::vector<float> warm_up_centroids(parallel::Communicator& comm, const RowSet& rows, std::vector<float> centroids,
                                     const KMeansOptions& options, int restart);

}  // namespace kohort::cluster

// What happens to a cluster that lost all its rows: it gets one of the rows that are served worst.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/centroid_sums.h"
#include "cluster/metric.h"
#include "cluster/row_set.h"
#include "parallel/communicator.h"

namespace kohort::cluster {

// A row that leaves its cluster for an empty one.
struct Move {
    std::int64_t row;     // global id
    std::int32_t from, to;
    std::int64_t local;   // index in this rank's rows, -1 on the other ranks
};

// Collective; the same list (but for `local`) on all ranks. Empty clusters, in ascending order, get the rows
// farthest from their own centroid, in order of (canonical distance descending, row id ascending), with these
// exceptions: a row equal in value to one already taken is passed over (it would leave the cluster empty again), so
// is the last row of a cluster, and so are rows no farther than `resolution` from their centroid and, by cosine, rows of
// zeros: no centroid can point to them. Clusters for which no row is left stay empty: with k above the number of distinct
// rows that is where the surplus ends.
// labels: of the local rows; counts: [k] global, of rows that weigh anything; no other row is moved.
std::vector<Move> refill_empty_clusters(parallel::Communicator& comm, const RowSet& rows, std::span<const float> centroids,
                                        std::span<const std::int32_t> labels, std::span<const std::int64_t> counts,
                                        Metric metric, const Resolution& resolution);

}  // namespace kohort::cluster

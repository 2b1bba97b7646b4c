// Distributed k-means: the same bytes at any number of ranks and threads and for any way the rows are dealt to them.
// Definition: a label is the argmin of canonical_distance() to the float32 centroids returned, ties to the lowest id.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "cluster/distance_kernel.h"
#include "cluster/final_assignment.h"
#include "cluster/initialization.h"
#include "cluster/lloyd.h"
#include "cluster/row_set.h"
#include "parallel/communicator.h"

namespace kohort::cluster {

// Where a run stands after an iteration. Labels follow from the centroids, so this is all that a run needs to go on
// at another number of ranks with the same bytes.
struct KMeansState {
    int restart = 0, iteration = 0;
    std::vector<float> centroids;  // [clusters, dimensions] that the iteration has assigned to
    bool converged = false;        // it changed no row: the last of its restart
    int best_restart = -1;         // of the restarts before; -1: none
    LloydResult best;
};

struct KMeansOptions {
    std::int64_t clusters = 0;
    int iterations = 100;  // most updates of the centroids a restart; 0 only assigns to the initial ones
    std::uint64_t seed = 0;
    Initialization initialization = Initialization::automatic;
    std::vector<float> initial_centroids;  // [clusters, dimensions], for Initialization::given
    int restarts = 1;                      // the best by (inertia, restart) is kept; given centroids need only one
    std::int64_t warm_up_batches = 0;      // of rows that move the initial centroids before the iterations: mini_batch.h
    int threads = 1;                       // of rows in blocks
    Kernel kernel = Kernel::automatic;
    PrefilterChoice prefilter = PrefilterChoice::automatic;
    Pruning pruning = Pruning::automatic;
    Metric metric = Metric::euclidean;  // cosine: the rows must be of length one, see unit_rows.h
    double balance = 0;  // at least 1: no cluster larger than so many times the mean size, see balance.h; 0: any size
    std::optional<KMeansState> from;  // goes on from there
    bool step_of_another = false;     // of an initialization or of the choice of k, which need no notices of their own
};

struct KMeansResult {
    std::vector<float> centroids;  // [clusters, dimensions]
    // Labels, seconds, distances and margins of the local rows in the order of the blocks; global counts and inertia.
    Assignment assignment;
    int restart = 0;     // the one that was kept
    int iterations = 0;  // its updates
    bool converged = false;
    std::vector<IterationStatistics> statistics;  // of all restarts
};

// Called after each iteration on every rank; `state` copies what a checkpoint needs.
using KMeansCallback = std::function<void(const IterationStatistics&, const std::function<KMeansState()>& state)>;

// Collective. Clusters that no row is left for (fewer distinct rows than clusters) keep their centroid and count 0.
// Throws Error(usage) for options that cannot work (clusters < 1 or above the number of rows), Error(environment) for
// a kernel this machine lacks. Such an error is thrown on one rank; the others throw PeerError.
KMeansResult kmeans(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options,
                    const KMeansCallback& each_iteration = {});

// The same for this rank's rows in memory, in any order and number of blocks (none is fine).
KMeansResult kmeans(parallel::Communicator& comm, std::span<const RowBlock> blocks, std::int64_t dimensions,
                    const KMeansOptions& options, const KMeansCallback& each_iteration = {});

}  // namespace kohort::cluster

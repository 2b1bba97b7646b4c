// Lloyd's iterations (S. Lloyd, "Least squares quantization in PCM", 1982) over all ranks, exact at every step:
// canonical labels, int64 centroid sums, integer stop test. So each iteration has the same bits at any rank count.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "cluster/distance_kernel.h"
#include "cluster/metric.h"
#include "cluster/row_set.h"

namespace kohort::cluster {

// Whether rows that certainly keep their label are passed over (triangle_bounds.h). Changes no result.
enum class Pruning { off, on, automatic };

Pruning parse_pruning(std::string_view name);  // "off", "on", "auto"; Error(usage) otherwise

struct LloydOptions {
    int iterations = 100;  // most updates of the centroids; 0 only assigns to the initial ones
    Kernel kernel = Kernel::automatic;
    PrefilterChoice prefilter = PrefilterChoice::automatic;
    Pruning pruning = Pruning::automatic;
    Metric metric = Metric::euclidean;
    int restart = 0;          // for the statistics
    int first_iteration = 0;  // the updates that the given centroids have behind them: a resumed run's
};

// One iteration: an update of the centroids and the assignment to the new ones. All but times and
// what tells how it was computed (from `rescanned` on) are equal at any rank count, thread count and kernel.
struct IterationStatistics {
    int restart = 0;
    int iteration = 0;            // the number of updates so far; 0 reports the assignment to the initial centroids
    std::int64_t changed = 0;     // rows that changed cluster in this assignment
    std::int64_t refilled = 0;    // empty clusters that got a row before this update
    std::int64_t empty = 0;       // clusters without rows after this assignment
    double inertia = 0;           // after this assignment, from the exact sums
    double imbalance = 0;         // largest cluster over the mean size
    std::int64_t rescanned = 0;   // rows that the kernel decided again canonically
    std::int64_t reranked = 0;    // rows that coarse numbers left to float32
    std::int64_t pruned = 0;      // rows passed over, as their bounds told that they keep their label
    double update_seconds = 0, assign_seconds = 0, reduce_seconds = 0, seconds = 0;
    Kernel kernel = Kernel::scalar;
    std::string_view prefilter = "off";  // the numbers that rows were looked at in first
};

struct LloydResult {
    std::vector<float> centroids;  // [k, d]
    double inertia = 0;            // as the last iteration's statistics have it
    int iterations = 0;            // updates done
    bool converged = false;        // the last assignment changed no row
};

// Called after each iteration with the centroids [k, d] that its assignment was to.
using IterationCallback = std::function<void(const IterationStatistics&, std::span<const float> centroids)>;

// Collective. Updates `centroids` [k, d] (equal on all ranks) until options.iterations or until an assignment changes
// no row. The labels follow from the centroids, so that a run can go on from any iteration's centroids with the same
// bits. Throws PeerError when a peer failed.
LloydResult run_lloyd(parallel::Communicator& comm, const RowSet& rows, std::vector<float> centroids,
                      const LloydOptions& options, const IterationCallback& each_iteration);

// An upper bound for the canonical distance of any row of weight above 0 and any of these centroids, and of any mean of
// such rows.
double distance_bound(const RowSet& rows, std::span<const float> centroids);

}  // namespace kohort::cluster

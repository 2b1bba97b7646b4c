// Lloyd's iterations (S. Lloyd, "Least squares quantization in PCM", 1982) over all ranks, exact at every step:
// canonical labels, int64 centroid sums, integer stop test. So each iteration has the same bits at any rank count.
#pragma once

#include <functional>
#include <vector>

#include "cluster/distance_kernel.h"
#include "cluster/row_set.h"
#include "cluster/wide_sum.h"

namespace kohort::cluster {

// One iteration: an update of the centroids and the assignment to the new ones. All but `seconds`, `kernel` and
// `rescanned` are equal at any rank count, thread count and kernel.
struct IterationStatistics {
    int restart = 0;
    int iteration = 0;            // the number of updates so far; 0 reports the assignment to the initial centroids
    std::int64_t changed = 0;     // rows that changed cluster in this assignment
    std::int64_t refilled = 0;    // empty clusters that got a row before this update
    std::int64_t empty = 0;       // clusters without rows after this assignment
    double inertia = 0;           // the sum of canonical distances after this assignment
    double imbalance = 0;         // largest cluster over the mean size
    std::int64_t rescanned = 0;   // rows that the kernel decided again canonically
    double seconds = 0;
    Kernel kernel = Kernel::scalar;
};

struct LloydResult {
    std::vector<float> centroids;  // [k, d]
    WideSum inertia;               // of the assignment to these centroids
    int iterations = 0;            // updates done
    bool converged = false;        // the last assignment changed no row
};

// Collective. At most `iterations` updates of `centroids` [k, d] (equal on all ranks), fewer when an assignment changes
// no row. Throws PeerError when a peer failed.
LloydResult run_lloyd(parallel::Communicator& comm, const RowSet& rows, std::vector<float> centroids, int iterations,
                      Kernel kernel, int restart, const std::function<void(const IterationStatistics&)>& each_iteration);

// An upper bound for the canonical distance of any row and any of these centroids, and of any mean of rows.
double distance_bound(const RowSet& rows, std::span<const float> centroids);

}  // namespace kohort::cluster

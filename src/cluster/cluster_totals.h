// What all rows of a cluster come to, over all ranks: sums and weights, exact to their grids (centroid_sums.h), and numbers of
// rows. Centroids and inertia follow from these alone, so that an iteration needs no second look at the rows, and has the same
// bits on every rank.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/assignment_delta.h"
#include "cluster/centroid_sums.h"
#include "cluster/empty_clusters.h"
#include "cluster/metric.h"
#include "cluster/row_set.h"

namespace kohort::cluster {

class ClusterTotals {
  public:
    ClusterTotals(const RowSet& rows, std::int64_t clusters);

    // A row of this rank is now `now`'s and was `before`'s (below 0: nobody's); what that changes.
    void take(AssignmentDelta& delta, const float* row, float weight, std::int32_t before, std::int32_t now) const;
    void add(AssignmentDelta& delta);  // reduced over all ranks
    // Collective. Rows that left their cluster for an empty one; each is added by the rank that holds it.
    void add(parallel::Communicator& comm, std::span<const Move> moves);

    // centroids [k, d] become the means of their rows, or those means' directions. One stays where it is that has no rows,
    // or only rows so light beside others that their sum is 0.
    void move_centroids(Metric metric, std::vector<float>& centroids) const;
    // sum w ||x - c||^2 over all rows that weigh anything and the centroid [k, d] of each.
    double inertia(std::span<const float> centroids) const;

    const CentroidGrid& grid() const { return grid_; }
    const std::vector<std::int64_t>& counts() const { return counts_; }  // of rows that weigh anything

  private:
    std::span<const std::int64_t> sums(std::int64_t cluster) const {
        return std::span(sums_).subspan(static_cast<std::size_t>(cluster * d_), static_cast<std::size_t>(d_));
    }
    double mass(std::int64_t cluster) const;
    std::int64_t mass_of(float weight) const;

    const RowSet& rows_;
    std::int64_t d_, k_;
    CentroidGrid grid_;
    int weight_exponent_;                               // of the grid of weights
    std::vector<std::int64_t> sums_, counts_, masses_;  // [k, d], [k], [k]
};

}  // namespace kohort::cluster

// What one assignment changes, as integers in one buffer: a single all-reduce makes it global.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "parallel/collectives.h"

namespace kohort::cluster {

// Layout: sums [k, d], counts [k], masses [k], changed, rescanned, reranked, pruned.
class AssignmentDelta {
  public:
    AssignmentDelta(std::int64_t clusters, std::int64_t dimensions)
        : clusters_(clusters), dimensions_(dimensions), integers_(static_cast<std::size_t>(clusters * (dimensions + 2) + 4)) {}

    std::int64_t* sums(std::int64_t cluster) { return integers_.data() + cluster * dimensions_; }
    std::int64_t& count(std::int64_t cluster) { return integers_[static_cast<std::size_t>(clusters_ * dimensions_ + cluster)]; }
    // The sum of the rows' weights, in the grid of weights.
    std::int64_t& mass(std::int64_t cluster) {
        return integers_[static_cast<std::size_t>(clusters_ * (dimensions_ + 1) + cluster)];
    }
    std::int64_t& changed() { return extra(0); }
    std::int64_t& rescanned() { return extra(1); }
    std::int64_t& reranked() { return extra(2); }
    std::int64_t& pruned() { return extra(3); }

    void add(const AssignmentDelta& other) {
        for (std::size_t i = 0; i < integers_.size(); ++i) integers_[i] += other.integers_[i];
    }
    void reduce(parallel::Communicator& comm) {
        parallel::all_reduce(comm, std::span(integers_), parallel::ReduceOperation::sum);
    }

  private:
    std::int64_t& extra(std::int64_t place) {
        return integers_[static_cast<std::size_t>(clusters_ * (dimensions_ + 2) + place)];
    }

    std::int64_t clusters_, dimensions_;
    std::vector<std::int64_t> integers_;
};

}  // namespace kohort::cluster

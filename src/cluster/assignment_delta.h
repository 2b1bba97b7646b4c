// What one assignment changes, as integers in one buffer: a single all-reduce makes it global.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cluster/in_parallel.h"
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

    // Adds the others', which are empty then.
    void absorb(std::span<AssignmentDelta* const> others, int threads) {
        for_each_integer_range(threads, [&](std::size_t first, std::size_t last) {
            for (AssignmentDelta* other : others)
                for (std::size_t i = first; i < last; ++i) integers_[i] += std::exchange(other->integers_[i], 0);
        });
    }
    void clear(int threads) {
        for_each_integer_range(threads, [&](std::size_t first, std::size_t last) {
            std::fill(integers_.data() + first, integers_.data() + last, 0);
        });
    }
    void reduce(parallel::Communicator& comm) {
        parallel::all_reduce(comm, std::span(integers_), parallel::ReduceOperation::sum);
    }

  private:
    std::int64_t& extra(std::int64_t place) {
        return integers_[static_cast<std::size_t>(clusters_ * (dimensions_ + 2) + place)];
    }

    template <class Work>
    void for_each_integer_range(int threads, Work&& work) {
        for_each_range(threads, std::ssize(integers_), 1, [&](std::int64_t first, std::int64_t last) {
            work(static_cast<std::size_t>(first), static_cast<std::size_t>(last));
        });
    }

    std::int64_t clusters_, dimensions_;
    std::vector<std::int64_t> integers_;
};

}  // namespace kohort::cluster

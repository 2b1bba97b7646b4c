#include "cluster/lloyd.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "cluster/canonical_distance.h"
#include "cluster/centroid_sums.h"
#include "cluster/empty_clusters.h"
#include "parallel/collectives.h"

namespace kohort::cluster {
namespace {

// What one assignment changes, as integers in one buffer: a single all-reduce makes it global.
// Layout: sums [k, d], counts [k], changed, rescanned, limbs of the inertia.
class AssignmentDelta {
  public:
    AssignmentDelta(std::int64_t clusters, std::int64_t dimensions, const WideSum& zero)
        : clusters_(clusters),
          dimensions_(dimensions),
          integers_(static_cast<std::size_t>(clusters * dimensions + clusters + 2 + WideSum::limb_count)),
          inertia_(zero) {}

    std::int64_t* sums(std::int64_t cluster) { return integers_.data() + cluster * dimensions_; }
    std::int64_t& count(std::int64_t cluster) { return integers_[static_cast<std::size_t>(clusters_ * dimensions_ + cluster)]; }
    std::int64_t& changed() { return integers_[static_cast<std::size_t>(clusters_ * (dimensions_ + 1))]; }
    std::int64_t& rescanned() { return integers_[static_cast<std::size_t>(clusters_ * (dimensions_ + 1) + 1)]; }
    WideSum& inertia() { return inertia_; }

    void add(const AssignmentDelta& other) {
        for (std::size_t i = 0; i < integers_.size(); ++i) integers_[i] += other.integers_[i];
        inertia_.add(other.inertia_);
    }

    void reduce(parallel::Communicator& comm) {
        std::int64_t* limbs = integers_.data() + integers_.size() - WideSum::limb_count;
        std::ranges::copy(inertia_.limbs(), limbs);
        parallel::all_reduce(comm, std::span(integers_), parallel::ReduceOperation::sum);
        inertia_.set_from_limbs(limbs);
    }

  private:
    std::int64_t clusters_, dimensions_;
    std::vector<std::int64_t> integers_;
    WideSum inertia_;
};

class Lloyd {
  public:
    Lloyd(parallel::Communicator& comm, const RowSet& rows, std::vector<float> centroids, Kernel kernel)
        : comm_(comm),
          rows_(rows),
          kernel_choice_(kernel),
          d_(rows.dimensions()),
          k_(static_cast<std::int64_t>(centroids.size()) / d_),
          grid_(rows.global_rows(), rows.largest_component()),
          zero_(rows.global_rows(), distance_bound(rows, centroids)),
          inertia_(zero_),
          centroids_(std::move(centroids)),
          labels_(static_cast<std::size_t>(rows.local_rows()), -1),
          sums_(static_cast<std::size_t>(k_ * d_)),
          counts_(static_cast<std::size_t>(k_)) {}

    void assign(IterationStatistics& statistics);
    std::int64_t refill();
    void update();

    const WideSum& inertia() const { return inertia_; }
    std::vector<float>& centroids() { return centroids_; }

  private:
    void assign_tile(const DistanceKernel& kernel, const RowTile& tile, AssignmentDelta& delta, std::vector<std::int32_t>& fresh);

    parallel::Communicator& comm_;
    const RowSet& rows_;
    Kernel kernel_choice_;
    std::int64_t d_, k_;
    CentroidGrid grid_;
    WideSum zero_, inertia_;
    std::vector<float> centroids_;
    std::vector<std::int32_t> labels_;  // of the local rows
    std::vector<std::int64_t> sums_, counts_;  // global, of the present labels
};

void Lloyd::assign_tile(const DistanceKernel& kernel, const RowTile& tile, AssignmentDelta& delta,
                        std::vector<std::int32_t>& fresh) {
    fresh.resize(static_cast<std::size_t>(tile.count));
    delta.rescanned() += kernel.assign(tile.values, tile.norms, tile.count, fresh.data());
    for (std::int64_t i = 0; i < tile.count; ++i) {
        const float* row = tile.values + i * d_;
        const std::int32_t now = fresh[static_cast<std::size_t>(i)];
        delta.inertia().add(canonical_distance(row, kernel.centroid(now), d_));
        std::int32_t& label = labels_[static_cast<std::size_t>(tile.first_local + i)];
        if (label == now) continue;
        if (label >= 0) {
            grid_.accumulate(row, d_, -1, delta.sums(label));
            --delta.count(label);
        }
        grid_.accumulate(row, d_, 1, delta.sums(now));
        ++delta.count(now);
        ++delta.changed();
        label = now;
    }
}

void Lloyd::assign(IterationStatistics& statistics) {
    comm_.check_peers();
    const DistanceKernel kernel(centroids_, d_, kernel_choice_);
    const auto workers = static_cast<std::size_t>(rows_.threads());
    std::vector<AssignmentDelta> deltas(workers, AssignmentDelta(k_, d_, zero_));
    std::vector<std::vector<std::int32_t>> fresh(workers);
    rows_.for_each_tile([&](const RowTile& tile, int worker) {
        const auto w = static_cast<std::size_t>(worker);
        assign_tile(kernel, tile, deltas[w], fresh[w]);
    });
    AssignmentDelta& total = deltas.front();
    for (std::size_t w = 1; w < workers; ++w) total.add(deltas[w]);
    total.reduce(comm_);

    for (std::int64_t i = 0; i < k_ * d_; ++i) sums_[static_cast<std::size_t>(i)] += total.sums(0)[i];
    for (std::int64_t c = 0; c < k_; ++c) counts_[static_cast<std::size_t>(c)] += total.count(c);
    inertia_ = total.inertia();
    statistics.changed = total.changed();
    statistics.rescanned = total.rescanned();
    statistics.inertia = inertia_.value();
    statistics.kernel = kernel.kernel();
    statistics.empty = std::ranges::count(counts_, 0);
    statistics.imbalance = static_cast<double>(*std::ranges::max_element(counts_)) * static_cast<double>(k_) /
                           static_cast<double>(rows_.global_rows());
}

std::int64_t Lloyd::refill() {
    const auto moves = refill_empty_clusters(comm_, rows_, centroids_, labels_, counts_, grid_.resolution(d_));
    if (moves.empty()) return 0;
    // Each moved row's grid values come from the rank that holds it; the others add zeros.
    std::vector<std::int64_t> values(moves.size() * static_cast<std::size_t>(d_));
    for (std::size_t m = 0; m < moves.size(); ++m) {
        if (moves[m].local < 0) continue;
        labels_[static_cast<std::size_t>(moves[m].local)] = moves[m].to;
        grid_.accumulate(rows_.row(moves[m].local), d_, 1, values.data() + static_cast<std::int64_t>(m) * d_);
    }
    parallel::all_reduce(comm_, std::span(values), parallel::ReduceOperation::sum);
    for (std::size_t m = 0; m < moves.size(); ++m) {
        --counts_[static_cast<std::size_t>(moves[m].from)];
        ++counts_[static_cast<std::size_t>(moves[m].to)];
        for (std::int64_t j = 0; j < d_; ++j) {
            const std::int64_t value = values[m * static_cast<std::size_t>(d_) + static_cast<std::size_t>(j)];
            sums_[static_cast<std::size_t>(moves[m].from * d_ + j)] -= value;
            sums_[static_cast<std::size_t>(moves[m].to * d_ + j)] += value;
        }
    }
    return static_cast<std::int64_t>(moves.size());
}

void Lloyd::update() {
    for (std::int64_t c = 0; c < k_; ++c) {
        const std::int64_t count = counts_[static_cast<std::size_t>(c)];
        if (count == 0) continue;  // nothing left to refill it with: it stays where it is
        grid_.mean(std::span(sums_).subspan(static_cast<std::size_t>(c * d_), static_cast<std::size_t>(d_)), count,
                   centroids_.data() + c * d_);
    }
}

}  // namespace

double distance_bound(const RowSet& rows, std::span<const float> centroids) {
    double largest = rows.largest_component();
    for (const float value : centroids) largest = std::max(largest, std::abs(static_cast<double>(value)));
    // (|x_j| + |c_j|)^2 summed, and doubled for the roundings of canonical_distance() and of the means.
    return 8.0 * static_cast<double>(rows.dimensions()) * largest * largest;
}

LloydResult run_lloyd(parallel::Communicator& comm, const RowSet& rows, std::vector<float> centroids, int iterations,
                      Kernel kernel, int restart, const std::function<void(const IterationStatistics&)>& each_iteration) {
    Lloyd lloyd(comm, rows, std::move(centroids), kernel);
    bool converged = false;
    int iteration = 0;
    for (;; ++iteration) {
        const auto start = std::chrono::steady_clock::now();
        IterationStatistics statistics;
        statistics.restart = restart;
        statistics.iteration = iteration;
        if (iteration > 0) {
            statistics.refilled = lloyd.refill();
            lloyd.update();
        }
        lloyd.assign(statistics);
        statistics.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (each_iteration) each_iteration(statistics);
        converged = statistics.changed == 0;
        if (converged || iteration == iterations) break;
    }
    return {std::move(lloyd.centroids()), lloyd.inertia(), iteration, converged};
}

}  // namespace kohort::cluster

#include "cluster/lloyd.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "cluster/assignment_delta.h"
#include "cluster/canonical_distance.h"
#include "cluster/cluster_totals.h"
#include "cluster/empty_clusters.h"
#include "cluster/survivor_batch.h"
#include "cluster/triangle_bounds.h"

namespace kohort::cluster {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Bounds cost a row about what ten centroids do: they are worth it where so many rows are passed over. With few centroids a
// row costs little more than reading it does, and rows that are left apart are not read in one go. Unless they are asked for,
// bounds are tried once few rows change, and after some iterations in any case; where that failed, again when half as many
// change, or as many iterations later. The distances between centroids cost as much as k rows do: they come with bounds that
// were found worth a try, and with bounds that were asked for where those pass over enough rows, and now and then.
constexpr double worthwhile_share = 0.02, worthwhile_share_of_few = 0.5, few_change = 0.1;
constexpr int try_again = 8;

class Lloyd {
  public:
    Lloyd(parallel::Communicator& comm, const RowSet& rows, std::vector<float> centroids, const LloydOptions& options)
        : comm_(comm),
          rows_(rows),
          options_(options),
          d_(rows.dimensions()),
          k_(static_cast<std::int64_t>(centroids.size()) / d_),
          totals_(rows, k_),
          centroids_(std::move(centroids)),
          labels_(static_cast<std::size_t>(rows.local_rows()), -1),
          workers_(static_cast<std::size_t>(rows.threads()), Worker(k_, d_)) {
        const bool pays = k_ > 1 && rows.global_rows() >= 4 * k_;
        if (options.pruning == Pruning::on || (options.pruning == Pruning::automatic && pays))
            bounds_.emplace(rows.local_rows(), k_);
    }

    void assign(IterationStatistics& statistics);
    std::int64_t refill();
    void update() { totals_.move_centroids(options_.metric, centroids_); }

    std::vector<float>& centroids() { return centroids_; }

  private:
    struct Worker {
        Worker(std::int64_t clusters, std::int64_t dimensions)
            : delta(clusters, dimensions), survivors(dimensions), fresh(block_rows), upper(block_rows), lower(block_rows) {}
        AssignmentDelta delta;
        KernelWork work;
        SurvivorBatch survivors;
        std::vector<std::int32_t> fresh;
        std::vector<float> upper, lower;
    };

    bool passes_over_enough() const;
    bool bounds_are_worthwhile(int iteration);
    void move_bounds(const DistanceKernel& kernel, int iteration);
    void visit_tile(const DistanceKernel& kernel, const RowTile& tile, Worker& worker);
    void assign_rows(const DistanceKernel& kernel, const float* values, const float* norms,
                     std::span<const std::int64_t> locals, Worker& worker);

    parallel::Communicator& comm_;
    const RowSet& rows_;
    LloydOptions options_;
    std::int64_t d_, k_;
    ClusterTotals totals_;  // of the present labels
    std::vector<float> centroids_, assigned_to_;  // assigned_to_: those that the bounds are of; none: there are none
    std::vector<std::int32_t> labels_;            // of the local rows
    std::vector<Worker> workers_;                 // nothing in their deltas between assignments
    std::optional<TriangleBounds> bounds_;
    bool use_bounds_ = false, keep_bounds_ = false;  // in this assignment: those of the last, and its own for the next
    std::int64_t pruned_ = 0;  // over all ranks, in the last assignment
    double changed_share_ = 1, try_below_ = few_change;
    int next_try_ = try_again;
};

// locals: where each row is among the local ones.
void Lloyd::assign_rows(const DistanceKernel& kernel, const float* values, const float* norms,
                        std::span<const std::int64_t> locals, Worker& worker) {
    const auto count = static_cast<std::int64_t>(locals.size());
    Answers answers{worker.fresh.data()};
    if (keep_bounds_) answers.upper = worker.upper.data(), answers.lower = worker.lower.data();
    worker.work += kernel.assign(values, norms, count, answers);
    // Whether a row changes is chance to the processor: the rows that do are found without a branch.
    std::array<std::int32_t, block_rows> changed;
    std::size_t changes = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        changed[changes] = static_cast<std::int32_t>(i);
        changes += labels_[static_cast<std::size_t>(locals[at])] != worker.fresh[at];
    }
    for (const std::int32_t i : std::span(changed).first(changes)) {
        const auto at = static_cast<std::size_t>(i);
        std::int32_t& label = labels_[static_cast<std::size_t>(locals[at])];
        totals_.take(worker.delta, values + i * d_, rows_.weight(locals[at]), label, worker.fresh[at]);
        label = worker.fresh[at];
    }
    if (!keep_bounds_) return;
    for (std::size_t i = 0; i < locals.size(); ++i) bounds_->set(locals[i], worker.upper[i], worker.lower[i]);
}

void Lloyd::visit_tile(const DistanceKernel& kernel, const RowTile& tile, Worker& worker) {
    std::array<std::int64_t, block_rows> locals;
    for (std::int64_t first = 0; first < tile.count; first += block_rows) {
        const std::int64_t count = std::min(block_rows, tile.count - first);
        std::size_t left = 0;
        for (std::int64_t local = tile.first_local + first; local < tile.first_local + first + count; ++local)
            if (!use_bounds_ || !bounds_->keeps(local, labels_[static_cast<std::size_t>(local)])) locals[left++] = local;
        worker.delta.pruned() += count - static_cast<std::int64_t>(left);
        const std::span visited(locals.data(), left);
        if (static_cast<std::int64_t>(left) == count) {
            assign_rows(kernel, tile.values + first * d_, tile.norms + first, visited, worker);
            continue;
        }
        // The rows that are left come side by side with those of other tiles, so that the kernel has full blocks.
        for (const std::int64_t local : visited) {
            const std::int64_t i = local - tile.first_local;
            worker.survivors.add(tile.values + i * d_, tile.norms[i], local);
            if (!worker.survivors.full()) continue;
            assign_rows(kernel, worker.survivors.values(), worker.survivors.norms(), worker.survivors.locals(), worker);
            worker.survivors.clear();
        }
    }
}

bool Lloyd::passes_over_enough() const {
    const double share = k_ <= narrow_most_centroids ? worthwhile_share_of_few : worthwhile_share;
    return static_cast<double>(pruned_) >= share * static_cast<double>(rows_.global_rows());
}

bool Lloyd::bounds_are_worthwhile(int iteration) {
    if (options_.pruning == Pruning::on || passes_over_enough()) return true;
    if (use_bounds_) {  // in vain, in the assignment before this
        try_below_ = changed_share_ / 2;
        next_try_ = iteration + try_again;
    }
    return changed_share_ < try_below_ || iteration >= next_try_;
}

void Lloyd::move_bounds(const DistanceKernel& kernel, int iteration) {
    std::vector<float> half_gaps;
    if (passes_over_enough() || options_.pruning == Pruning::automatic || iteration % try_again == 1) {
        const auto k = static_cast<std::size_t>(k_);
        std::vector<float> norms(k), upper(k);
        std::vector<std::int32_t> labels(k);
        half_gaps.resize(k);
        for (std::int64_t c = 0; c < k_; ++c) norms[static_cast<std::size_t>(c)] = norm_bound(centroids_.data() + c * d_, d_);
        kernel.assign(centroids_.data(), norms.data(), k_, {labels.data(), nullptr, upper.data(), half_gaps.data()});
        for (float& gap : half_gaps) gap *= 0.5f;
    }
    bounds_->move(assigned_to_, centroids_, d_, half_gaps);
}

void Lloyd::assign(IterationStatistics& statistics) {
    comm_.check_peers();
    const auto start = Clock::now();
    const DistanceKernel kernel(centroids_, d_, options_.kernel, options_.prefilter, rows_.threads());
    keep_bounds_ = bounds_ && bounds_are_worthwhile(statistics.iteration);
    use_bounds_ = bounds_ && !assigned_to_.empty();
    if (use_bounds_) move_bounds(kernel, statistics.iteration);
    if (keep_bounds_) assigned_to_ = centroids_;
    else assigned_to_.clear();
    for (auto& worker : workers_) worker.work = {};
    rows_.for_each_tile(
        [&](const RowTile& tile, int worker) { visit_tile(kernel, tile, workers_[static_cast<std::size_t>(worker)]); });
    for (auto& worker : workers_) {  // less than a block each
        assign_rows(kernel, worker.survivors.values(), worker.survivors.norms(), worker.survivors.locals(), worker);
        worker.survivors.clear();
    }
    AssignmentDelta& total = workers_.front().delta;
    std::vector<AssignmentDelta*> others;
    for (auto& worker : std::span(workers_).subspan(1)) others.push_back(&worker.delta);
    total.absorb(others, rows_.threads());
    for (const auto& worker : workers_) total.rescanned() += worker.work.rescanned, total.reranked() += worker.work.reranked;
    statistics.assign_seconds = seconds_since(start);

    const auto reduce_start = Clock::now();
    total.reduce(comm_);
    statistics.reduce_seconds = seconds_since(reduce_start);
    totals_.add(total);
    pruned_ = total.pruned();
    statistics.changed = total.changed();
    changed_share_ = static_cast<double>(total.changed()) / static_cast<double>(std::max<std::int64_t>(rows_.global_rows(), 1));
    statistics.rescanned = total.rescanned();
    statistics.pruned = pruned_;
    statistics.inertia = totals_.inertia(centroids_);
    statistics.reranked = total.reranked();
    total.clear(rows_.threads());
    statistics.kernel = kernel.kernel();
    statistics.prefilter = kernel.prefilter();
    statistics.empty = std::ranges::count(totals_.counts(), 0);
    statistics.imbalance = static_cast<double>(*std::ranges::max_element(totals_.counts())) * static_cast<double>(k_) /
                           static_cast<double>(rows_.counting_rows());
}

std::int64_t Lloyd::refill() {
    const auto moves = refill_empty_clusters(comm_, rows_, centroids_, labels_, totals_.counts(), options_.metric,
                                             totals_.grid().resolution(d_, options_.metric));
    if (moves.empty()) return 0;
    for (const Move& move : moves) {
        if (move.local < 0) continue;
        labels_[static_cast<std::size_t>(move.local)] = move.to;
        if (bounds_) bounds_->forget(move.local);
    }
    totals_.add(comm_, moves);
    return static_cast<std::int64_t>(moves.size());
}

}  // namespace

Pruning parse_pruning(std::string_view name) {
    if (name == "off") return Pruning::off;
    if (name == "on") return Pruning::on;
    if (name == "auto") return Pruning::automatic;
    base::fail(base::ErrorKind::usage, "unknown pruning '{}': use off, on or auto", name);
}

double distance_bound(const RowSet& rows, std::span<const float> centroids) {
    double largest = rows.largest_counting_component();
    for (const float value : centroids) largest = std::max(largest, std::abs(static_cast<double>(value)));
    // (|x_j| + |c_j|)^2 summed, and doubled for the roundings of canonical_distance() and of the means.
    return 8.0 * static_cast<double>(rows.dimensions()) * largest * largest;
}

LloydResult run_lloyd(parallel::Communicator& comm, const RowSet& rows, std::vector<float> centroids,
                      const LloydOptions& options, const IterationCallback& each_iteration) {
    Lloyd lloyd(comm, rows, std::move(centroids), options);
    bool converged = false;
    double inertia = 0;
    int iteration = options.first_iteration;
    for (;; ++iteration) {
        const auto start = Clock::now();
        IterationStatistics statistics;
        statistics.restart = options.restart;
        statistics.iteration = iteration;
        if (iteration > options.first_iteration) {
            statistics.refilled = lloyd.refill();
            lloyd.update();
        }
        statistics.update_seconds = seconds_since(start);
        lloyd.assign(statistics);
        statistics.seconds = seconds_since(start);
        // A resumed run's first assignment only finds the labels again: it was reported before.
        const bool again = iteration == options.first_iteration && iteration > 0;
        if (each_iteration && !again) each_iteration(statistics, lloyd.centroids());
        converged = statistics.changed == 0;
        inertia = statistics.inertia;
        if (converged || iteration >= options.iterations) break;
    }
    return {std::move(lloyd.centroids()), inertia, iteration, converged};
}

}  // namespace kohort::cluster

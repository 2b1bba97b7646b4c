#include "cluster/balance.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "cluster/assignment_delta.h"
#include "cluster/canonical_distance.h"
#include "cluster/centroid_sums.h"
#include "cluster/lloyd.h"
#include "cluster/survivor_batch.h"
#include "cluster/wide_sum.h"
#include "parallel/collectives.h"
#include "parallel/exact_sum.h"

namespace kohort::cluster {
namespace {

// A row that may leave its cluster.
struct Leaver {
    std::uint64_t loss;  // in the order of the doubles that it was made of
    std::int64_t row, local;
    std::int32_t to;
};

// Orders all finite doubles as their values.
std::uint64_t in_order(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    return bits >> 63 ? ~bits : bits | std::uint64_t{1} << 63;
}

// For each of some groups the smallest bound such that at least wanted[g] of all ranks' numbers do not exceed it.
// count(g, bound): how many of this rank's do not.
template <class Count>
std::vector<std::uint64_t> smallest_bounds(parallel::Communicator& comm, const std::vector<std::int64_t>& wanted,
                                           const Count& count) {
    std::vector<std::uint64_t> low(wanted.size(), 0), high(wanted.size(), std::numeric_limits<std::uint64_t>::max());
    while (low != high) {
        std::vector<std::int64_t> counts(wanted.size());
        for (std::size_t g = 0; g < wanted.size(); ++g) counts[g] = count(g, low[g] + (high[g] - low[g]) / 2);
        parallel::all_reduce(comm, std::span(counts), parallel::ReduceOperation::sum);
        for (std::size_t g = 0; g < wanted.size(); ++g) {
            const std::uint64_t middle = low[g] + (high[g] - low[g]) / 2;
            if (counts[g] >= wanted[g]) high[g] = middle;
            else low[g] = std::min(middle + 1, high[g]);
        }
    }
    return low;
}

class Balancer {
  public:
    Balancer(parallel::Communicator& comm, const RowSet& rows, std::span<const float> centroids, std::int64_t capacity,
             Kernel kernel, Assignment& assignment)
        : comm_(comm),
          rows_(rows),
          centroids_(centroids),
          capacity_(capacity),
          kernel_(kernel),
          assignment_(assignment),
          d_(rows.dimensions()) {}

    void run() {
        bool changed = false;
        for (;; changed = true) {
            std::vector<std::int32_t> full;  // those with too many rows
            for (std::size_t c = 0; c < assignment_.counts.size(); ++c)
                if (assignment_.counts[c] > capacity_) full.push_back(static_cast<std::int32_t>(c));
            if (full.empty()) break;
            move_out(full, leavers_of(full));
        }
        if (changed) describe();
    }

  private:
    // Each group's leavers on this rank, in the order in which they go.
    std::vector<std::vector<Leaver>> leavers_of(const std::vector<std::int32_t>& full) {
        std::vector<std::int32_t> open;
        std::vector<float> open_centroids;
        for (std::size_t c = 0; c < assignment_.counts.size(); ++c) {
            if (assignment_.counts[c] >= capacity_) continue;
            open.push_back(static_cast<std::int32_t>(c));
            const auto centroid = centroids_.subspan(c * static_cast<std::size_t>(d_), static_cast<std::size_t>(d_));
            open_centroids.insert(open_centroids.end(), centroid.begin(), centroid.end());
        }
        const DistanceKernel kernel(open_centroids, d_, kernel_);
        struct Worker {
            explicit Worker(std::int64_t dimensions) : batch(dimensions) {}
            SurvivorBatch batch;
            std::vector<Leaver> found;
        };
        std::vector<Worker> workers(static_cast<std::size_t>(rows_.threads()), Worker(d_));
        const auto flush = [&](Worker& worker) {
            std::vector<std::int32_t> nearest(worker.batch.locals().size());
            kernel.assign(worker.batch.values(), worker.batch.norms(), static_cast<std::int64_t>(nearest.size()),
                          {nearest.data()});
            for (std::size_t i = 0; i < nearest.size(); ++i) {
                const float* row = worker.batch.values() + static_cast<std::int64_t>(i) * d_;
                const std::int64_t local = worker.batch.locals()[i];
                const auto label = static_cast<std::int64_t>(assignment_.labels[static_cast<std::size_t>(local)]);
                const double loss = canonical_distance(row, kernel.centroid(nearest[i]), d_) -
                                    canonical_distance(row, centroids_.data() + label * d_, d_);
                worker.found.push_back(
                    {in_order(loss), rows_.row_id(local), local, open[static_cast<std::size_t>(nearest[i])]});
            }
            worker.batch.clear();
        };
        rows_.for_each_tile([&](const RowTile& tile, int w) {
            Worker& worker = workers[static_cast<std::size_t>(w)];
            for (std::int64_t i = 0; i < tile.count; ++i) {
                if (!std::ranges::binary_search(full, assignment_.labels[static_cast<std::size_t>(tile.first_local + i)]))
                    continue;
                worker.batch.add(tile.values + i * d_, tile.norms[i], tile.first_local + i);
                if (worker.batch.full()) flush(worker);
            }
        });
        std::vector<std::vector<Leaver>> groups(full.size());
        for (auto& worker : workers) {
            flush(worker);
            for (const auto& leaver : worker.found) {
                const auto label = assignment_.labels[static_cast<std::size_t>(leaver.local)];
                groups[static_cast<std::size_t>(std::ranges::lower_bound(full, label) - full.begin())].push_back(leaver);
            }
        }
        for (auto& group : groups)
            std::ranges::sort(group, {}, [](const Leaver& leaver) { return std::pair(leaver.loss, leaver.row); });
        return groups;
    }

    void move_out(const std::vector<std::int32_t>& full, const std::vector<std::vector<Leaver>>& groups) {
        std::vector<std::int64_t> too_many;
        for (const auto c : full) too_many.push_back(assignment_.counts[static_cast<std::size_t>(c)] - capacity_);
        const auto not_above = [&](std::size_t g, std::uint64_t loss) {
            return std::ranges::upper_bound(groups[g], loss, {}, &Leaver::loss) - groups[g].begin();
        };
        const auto losses = smallest_bounds(comm_, too_many, not_above);
        // Of the rows that lose just as much as the bound, only those with the lowest ids go.
        std::vector<std::int64_t> left(too_many.size());
        for (std::size_t g = 0; g < left.size(); ++g) left[g] = losses[g] == 0 ? 0 : not_above(g, losses[g] - 1);
        parallel::all_reduce(comm_, std::span(left), parallel::ReduceOperation::sum);
        for (std::size_t g = 0; g < left.size(); ++g) left[g] = too_many[g] - left[g];
        const auto equal_up_to = [&](std::size_t g, std::uint64_t row) {
            const auto after =
                std::ranges::upper_bound(groups[g], std::pair(losses[g], static_cast<std::int64_t>(std::min(row, last_row))),
                                         {}, [](const Leaver& l) { return std::pair(l.loss, l.row); }) -
                groups[g].begin();
            return after - (losses[g] == 0 ? 0 : not_above(g, losses[g] - 1));
        };
        const auto last_rows = smallest_bounds(comm_, left, equal_up_to);

        std::vector<std::int64_t> changes(assignment_.counts.size());
        for (std::size_t g = 0; g < groups.size(); ++g)
            for (const auto& leaver : groups[g]) {
                if (std::pair(leaver.loss, static_cast<std::uint64_t>(leaver.row)) > std::pair(losses[g], last_rows[g])) break;
                assignment_.labels[static_cast<std::size_t>(leaver.local)] = leaver.to;
                --changes[static_cast<std::size_t>(full[g])];
                ++changes[static_cast<std::size_t>(leaver.to)];
            }
        parallel::all_reduce(comm_, std::span(changes), parallel::ReduceOperation::sum);
        for (std::size_t c = 0; c < changes.size(); ++c) assignment_.counts[c] += changes[c];
    }

    // What the assignment says besides labels, of the labels as they are now.
    void describe() {
        const DistanceKernel kernel(centroids_, d_, kernel_);
        WideSum inertia(rows_.global_rows(), distance_bound(rows_, centroids_) * rows_.largest_weight());
        WideSum above(rows_.global_rows(), 1), below(rows_.global_rows(), 1);  // margins of either sign
        std::vector<double> distances(assignment_.labels.size()), margins(assignment_.labels.size());
        rows_.for_each_tile([&](const RowTile& tile, int) {
            std::vector<std::int32_t> nearest(static_cast<std::size_t>(tile.count)), next(nearest.size());
            kernel.assign(tile.values, tile.norms, tile.count, {nearest.data(), next.data()});
            for (std::int64_t i = 0; i < tile.count; ++i) {
                const auto at = static_cast<std::size_t>(tile.first_local + i);
                const auto label = assignment_.labels[at];
                const auto other = nearest[static_cast<std::size_t>(i)] == label ? next[static_cast<std::size_t>(i)]
                                                                                 : nearest[static_cast<std::size_t>(i)];
                const float* row = tile.values + i * d_;
                distances[at] = canonical_distance(row, kernel.centroid(label), d_);
                assignment_.seconds[at] = other;
                const double a = std::sqrt(distances[at]),
                             b = other < 0 ? a : std::sqrt(canonical_distance(row, kernel.centroid(other), d_));
                margins[at] = other < 0 ? 1 : std::max(a, b) == 0 ? 0 : (b - a) / std::max(a, b);
            }
        });
        for (std::size_t i = 0; i < distances.size(); ++i) {
            assignment_.distances[i] = static_cast<float>(distances[i]);
            assignment_.margins[i] = static_cast<float>(margins[i]);
            inertia.add(static_cast<double>(rows_.weight(static_cast<std::int64_t>(i))) * distances[i]);
            (margins[i] < 0 ? below : above).add(std::abs(margins[i]));
        }
        for (WideSum* sum : {&inertia, &above, &below}) {
            auto limbs = sum->limbs();
            parallel::all_reduce(comm_, std::span<std::int64_t>(limbs), parallel::ReduceOperation::sum);
            sum->set_from_limbs(limbs.data());
        }
        assignment_.inertia = inertia.value();
        assignment_.mean_margin = (above.value() - below.value()) / static_cast<double>(rows_.global_rows());
    }

    static constexpr std::uint64_t last_row = std::numeric_limits<std::int64_t>::max();

    parallel::Communicator& comm_;
    const RowSet& rows_;
    std::span<const float> centroids_;
    std::int64_t capacity_;
    Kernel kernel_;
    Assignment& assignment_;
    std::int64_t d_;
};

constexpr int most_rounds = 10;

// The centroids of labels: exact means of their rows, or those means' directions. Where a cluster has none, `centroids`
// stays as it is.
void move_to_means(parallel::Communicator& comm, const RowSet& rows, const std::vector<std::int32_t>& labels, Metric metric,
                   std::vector<float>& centroids) {
    const std::int64_t d = rows.dimensions(), k = static_cast<std::int64_t>(centroids.size()) / d;
    const CentroidGrid grid(rows.global_rows(), rows.largest_counting_component() * rows.largest_weight());
    const int weight_exponent = parallel::fixed_point_exponent(rows.global_rows(), rows.largest_weight());
    std::vector<AssignmentDelta> deltas(static_cast<std::size_t>(rows.threads()), AssignmentDelta(k, d));
    rows.for_each_tile([&](const RowTile& tile, int worker) {
        auto& delta = deltas[static_cast<std::size_t>(worker)];
        for (std::int64_t i = 0; i < tile.count; ++i) {
            const auto label = labels[static_cast<std::size_t>(tile.first_local + i)];
            const float weight = rows.weight(tile.first_local + i);
            grid.accumulate(tile.values + i * d, d, weight, delta.sums(label));
            delta.mass(label) += parallel::to_fixed_point(static_cast<double>(weight), weight_exponent);
        }
    });
    std::vector<AssignmentDelta*> others;
    for (auto& delta : std::span(deltas).subspan(1)) others.push_back(&delta);
    deltas[0].absorb(others, rows.threads());
    deltas[0].reduce(comm);
    for (std::int64_t c = 0; c < k; ++c) {
        const double mass = parallel::from_fixed_point(deltas[0].mass(c), weight_exponent);
        const std::span<const std::int64_t> sums(deltas[0].sums(c), static_cast<std::size_t>(d));
        if (!(mass > 0)) continue;
        if (metric == Metric::cosine) grid.direction(sums, centroids.data() + c * d);
        else grid.mean(sums, mass, centroids.data() + c * d);
    }
}

}  // namespace

void balance_clusters(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options,
                      std::vector<float>& centroids, Assignment& assignment) {
    const auto capacity = capacity_of(options.balance, rows.global_rows(), options.clusters);
    balance(comm, rows, centroids, capacity, options.kernel, assignment);
    auto moved = centroids;
    auto before = assignment.labels;
    for (int round = 0; round < most_rounds; ++round) {
        move_to_means(comm, rows, before, options.metric, moved);
        auto next = assign_rows(comm, rows, moved, options.kernel);
        balance(comm, rows, moved, capacity, options.kernel, next);
        const bool settled = parallel::all_max(comm, next.labels == before ? 0 : 1) == 0;
        before = next.labels;
        if (next.inertia < assignment.inertia) {
            centroids = moved;
            assignment = std::move(next);
        }
        if (settled) break;
    }
}

// The bound is a decimal number that somebody wrote, and a double that is near it: 1.1 times 10 is 11 and not less. The
// shortest decimal that reads back as this double is what was written; with its digits as an integer nothing is rounded.
std::int64_t capacity_of(double bound, std::int64_t rows, std::int64_t clusters) {
    if (bound >= static_cast<double>(clusters)) return rows;
    std::array<char, 32> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), bound, std::chars_format::fixed).ptr;
    using Wide = unsigned __int128;  // for 17 digits at most, below 2^57, times rows
    Wide digits = 0, ten_to_the_decimals = 1;
    bool decimals = false;
    for (const char each : std::string_view(text.data(), end)) {
        if (each == '.') {
            decimals = true;
            continue;
        }
        digits = digits * 10 + static_cast<Wide>(each - '0');
        if (decimals) ten_to_the_decimals *= 10;
    }
    const auto most = digits * static_cast<Wide>(rows) / (ten_to_the_decimals * static_cast<Wide>(clusters));
    return std::max((rows + clusters - 1) / clusters, static_cast<std::int64_t>(most));
}

void balance(parallel::Communicator& comm, const RowSet& rows, std::span<const float> centroids, std::int64_t capacity,
             Kernel kernel, Assignment& assignment) {
    Balancer(comm, rows, centroids, capacity, kernel, assignment).run();
}

}  // namespace kohort::cluster

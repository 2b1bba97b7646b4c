#include "cluster/initialization.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

#include "base/philox.h"
#include "base/stop_signal.h"
#include "cluster/canonical_distance.h"
#include "cluster/lloyd.h"
#include "cluster/seeding.h"
#include "cluster/wide_sum.h"
#include "parallel/collectives.h"
#include "parallel/exact_sum.h"

namespace kohort::cluster {
namespace {

// k-means|| draws about twice k rows in each of five rounds (the paper's l = 2k, r = 5) ...
constexpr double oversampling = 2;
constexpr int rounds = 5;
// ... from at most about 256 rows a cluster, which are plenty to place k centres.
constexpr double rows_per_cluster = 256;

// The random numbers of one restart: a stream for each step of the algorithm, a number for each row in it.
class RestartRandom {
  public:
    RestartRandom(std::uint64_t seed, int restart)
        : philox_(seed, base::RandomPurpose::cluster_init), restart_(static_cast<std::uint64_t>(restart) << 32) {}
    std::uint64_t bits(std::uint64_t step, std::int64_t row) const {
        return philox_.bits(restart_ | step, static_cast<std::uint64_t>(row));
    }
    double uniform(std::uint64_t step, std::int64_t row) const {
        return philox_.uniform(restart_ | step, static_cast<std::uint64_t>(row));
    }

  private:
    base::Philox philox_;
    std::uint64_t restart_;
};

enum Step : std::uint64_t { sample_step = 0, lottery_step = 1, first_round_step = 16, seeding_step = 1024 };

struct DrawnRow {
    std::uint64_t key;
    std::int64_t row, local;
};

// The `count` rows with the lowest random keys, over all ranks, but for those in `taken` (sorted row ids).
// Returns this rank's share of them.
std::vector<std::int64_t> lottery(parallel::Communicator& comm, const RowSet& rows, const RestartRandom& random,
                                  std::size_t count, const std::vector<std::int64_t>& taken) {
    const auto before = [](const DrawnRow& a, const DrawnRow& b) {
        return std::tuple(a.key, a.row) < std::tuple(b.key, b.row);
    };
    std::vector<DrawnRow> mine;
    const auto prune = [&] {
        if (mine.size() <= count) return;
        std::nth_element(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(count), mine.end(), before);
        mine.resize(count);
    };
    for (const RowTile& tile : rows.tiles()) {
        for (std::int64_t i = 0; i < tile.count; ++i) {
            const std::int64_t row = tile.row_id(i);
            if (rows.weight(tile.first_local + i) == 0 || std::ranges::binary_search(taken, row)) continue;
            mine.push_back({random.bits(lottery_step, row), row, tile.first_local + i});
        }
        if (mine.size() > 2 * count + 4096) prune();
    }
    prune();
    std::vector<std::uint64_t> keys;
    std::vector<std::int64_t> ids;
    for (const auto& drawn : mine) keys.push_back(drawn.key), ids.push_back(drawn.row);
    const auto all_keys = parallel::all_gather(comm, std::span<const std::uint64_t>(keys));
    const auto all_ids = parallel::all_gather(comm, std::span<const std::int64_t>(ids));
    std::vector<DrawnRow> all;
    for (std::size_t i = 0; i < all_keys.size(); ++i) all.push_back({all_keys[i], all_ids[i], 0});
    std::ranges::sort(all, before);
    if (all.size() > count) all.resize(count);
    std::vector<std::int64_t> won;
    for (const auto& drawn : mine)
        if (!all.empty() && !before(all.back(), drawn)) won.push_back(drawn.local);
    return won;
}

// Adds the ranks' chosen rows (local indices) to `candidates`, in order of their global ids.
void gather_candidates(parallel::Communicator& comm, const RowSet& rows, const std::vector<std::int64_t>& chosen,
                       Candidates& candidates) {
    const auto d = static_cast<std::size_t>(rows.dimensions());
    std::vector<std::int64_t> ids;
    for (const std::int64_t local : chosen) ids.push_back(rows.row_id(local));
    const auto values = rows.rows_at(chosen);
    const auto all_ids = parallel::all_gather(comm, std::span<const std::int64_t>(ids));
    const auto all_values = parallel::all_gather(comm, std::span<const float>(values));
    std::vector<std::size_t> order(all_ids.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return all_ids[i]; });
    for (const std::size_t i : order) {
        candidates.rows.push_back(all_ids[i]);
        candidates.values.insert(candidates.values.end(), all_values.begin() + static_cast<std::ptrdiff_t>(i * d),
                                 all_values.begin() + static_cast<std::ptrdiff_t>((i + 1) * d));
    }
}

std::vector<std::int64_t> sorted_rows(const Candidates& candidates) {
    std::vector<std::int64_t> rows = candidates.rows;
    std::ranges::sort(rows);
    return rows;
}

// The rows that k-means|| looks at, with the distance to the nearest candidate so far and which one that is.
class Potential {
  public:
    Potential(parallel::Communicator& comm, const RowSet& rows, const InitializationOptions& options)
        : comm_(comm),
          rows_(rows),
          kernel_(options.kernel),
          prefilter_(options.prefilter),
          zero_(rows.global_rows(), distance_bound(rows, {}) * rows.largest_weight()),
          distances_(static_cast<std::size_t>(rows.local_rows()), std::numeric_limits<double>::infinity()),
          nearest_(static_cast<std::size_t>(rows.local_rows()), -1) {}

    // Takes in the candidates from `first` on; returns the sum of all distances.
    double add(const Candidates& candidates, std::size_t first);
    // How many rows each candidate is nearest to; their weights, in a grid that all ranks share, where rows have any.
    std::vector<std::int64_t> weights(std::size_t candidates) const;
    // A row's share of the potential: its distance to the nearest candidate, times its weight.
    double share(std::int64_t local) const {
        return static_cast<double>(rows_.weight(local)) * distances_[static_cast<std::size_t>(local)];
    }

  private:
    parallel::Communicator& comm_;
    const RowSet& rows_;
    Kernel kernel_;
    PrefilterChoice prefilter_;
    WideSum zero_;
    std::vector<double> distances_;
    std::vector<std::int32_t> nearest_;
};

double Potential::add(const Candidates& candidates, std::size_t first) {
    const std::int64_t d = rows_.dimensions();
    const DistanceKernel kernel(std::span(candidates.values).subspan(first * static_cast<std::size_t>(d)), d, kernel_,
                                prefilter_);
    std::vector<WideSum> sums(static_cast<std::size_t>(rows_.threads()), zero_);
    std::vector<std::vector<std::int32_t>> labels(sums.size());
    rows_.for_each_tile([&](const RowTile& tile, int worker) {
        base::leave_if_stop_requested("placing the first centroids");
        const auto w = static_cast<std::size_t>(worker);
        labels[w].resize(static_cast<std::size_t>(tile.count));
        kernel.assign(tile.values, tile.norms, tile.count, {labels[w].data()});
        for (std::int64_t i = 0; i < tile.count; ++i) {
            const std::int32_t label = labels[w][static_cast<std::size_t>(i)];
            const double distance = canonical_distance(tile.values + i * d, kernel.centroid(label), d);
            const auto local = static_cast<std::size_t>(tile.first_local + i);
            if (distance < distances_[local]) {
                distances_[local] = distance;
                nearest_[local] = static_cast<std::int32_t>(first) + label;
            }
            sums[w].add(share(tile.first_local + i));
        }
    });
    for (std::size_t w = 1; w < sums.size(); ++w) sums[0].add(sums[w]);
    auto limbs = sums[0].limbs();
    parallel::all_reduce(comm_, std::span<std::int64_t>(limbs), parallel::ReduceOperation::sum);
    sums[0].set_from_limbs(limbs.data());
    return sums[0].value();
}

std::vector<std::int64_t> Potential::weights(std::size_t candidates) const {
    std::vector<std::int64_t> counts(candidates);
    const int exponent = parallel::fixed_point_exponent(std::max<std::int64_t>(rows_.global_rows(), 1), rows_.largest_weight());
    for (std::size_t i = 0; i < nearest_.size(); ++i)
        counts[static_cast<std::size_t>(nearest_[i])] +=
            rows_.weighted()
                ? parallel::to_fixed_point(static_cast<double>(rows_.weight(static_cast<std::int64_t>(i))), exponent)
                : 1;
    parallel::all_reduce(comm_, std::span(counts), parallel::ReduceOperation::sum);
    return counts;
}

// The rows of `rows` that a draw by row id keeps, none without weight, as blocks that point into a copy.
struct Subsample {
    std::vector<float> values, weights;  // weights: none where the rows have none
    std::vector<std::int64_t> ids;
};

Subsample draw_subsample(const RowSet& rows, double fraction, const RestartRandom& random) {
    Subsample sample;
    std::vector<std::int64_t> drawn;
    for (const RowTile& tile : rows.tiles())
        for (std::int64_t i = 0; i < tile.count; ++i) {
            if ((tile.weights && tile.weights[i] == 0) || random.uniform(sample_step, tile.row_id(i)) >= fraction) continue;
            sample.ids.push_back(tile.row_id(i));
            drawn.push_back(tile.first_local + i);
            if (tile.weights) sample.weights.push_back(tile.weights[i]);
        }
    sample.values = rows.rows_at(drawn);
    return sample;
}

}  // namespace

Initialization parse_initialization(std::string_view name) {
    if (name == "auto") return Initialization::automatic;
    if (name == "hierarchical") return Initialization::hierarchical;
    if (name == "bisecting") return Initialization::bisecting;
    if (name == "kmeans||") return Initialization::kmeans_parallel;
    if (name == "random") return Initialization::random;
    base::fail(base::ErrorKind::usage,
               "unknown initialization '{}': use auto, kmeans||, random, hierarchical, bisecting, or FILE.h5:/path or "
               "FILE.npy for given centroids",
               name);
}

Initialization resolve_initialization(Initialization how, std::int64_t clusters) {
    if (how != Initialization::automatic) return how;
    return clusters > most_direct_clusters ? Initialization::hierarchical : Initialization::kmeans_parallel;
}

std::int64_t rows_copied(Initialization how, std::int64_t clusters, std::int64_t local_rows, std::int64_t global_rows) {
    switch (resolve_initialization(how, clusters)) {
        case Initialization::hierarchical:
        case Initialization::bisecting: return local_rows;
        case Initialization::kmeans_parallel: {
            const double fraction = rows_per_cluster * static_cast<double>(clusters) / static_cast<double>(global_rows);
            return fraction < 1 ? static_cast<std::int64_t>(std::ceil(fraction * static_cast<double>(local_rows))) : 0;
        }
        default: return 0;
    }
}

std::vector<float> random_centroids(parallel::Communicator& comm, const RowSet& rows, const InitializationOptions& options) {
    const RestartRandom random(options.seed, options.restart);
    Candidates candidates;
    candidates.dimensions = rows.dimensions();
    gather_candidates(comm, rows, lottery(comm, rows, random, static_cast<std::size_t>(options.clusters), {}), candidates);
    return candidates.values;
}

Candidates draw_candidates(parallel::Communicator& comm, const RowSet& rows, const InitializationOptions& options) {
    const RestartRandom random(options.seed, options.restart);
    Candidates candidates;
    candidates.dimensions = rows.dimensions();
    gather_candidates(comm, rows, lottery(comm, rows, random, 1, {}), candidates);
    Potential potential(comm, rows, options);
    double total = potential.add(candidates, 0);
    const double expected = oversampling * static_cast<double>(options.clusters);
    for (int round = 0; round < rounds && total > 0; ++round) {
        std::vector<std::int64_t> drawn;
        for (const RowTile& tile : rows.tiles())
            for (std::int64_t i = 0; i < tile.count; ++i) {
                const double number = random.uniform(first_round_step + static_cast<std::uint64_t>(round), tile.row_id(i));
                if (is_drawn(number, potential.share(tile.first_local + i), total, expected))
                    drawn.push_back(tile.first_local + i);
            }
        const std::size_t first = candidates.rows.size();
        gather_candidates(comm, rows, drawn, candidates);
        if (candidates.rows.size() > first) total = potential.add(candidates, first);
    }
    candidates.weights = potential.weights(candidates.rows.size());
    return candidates;
}

std::vector<float> kmeans_parallel_centroids(parallel::Communicator& comm, const RowSet& rows,
                                             const InitializationOptions& options) {
    const RestartRandom random(options.seed, options.restart);
    const double fraction =
        rows_per_cluster * static_cast<double>(options.clusters) / static_cast<double>(rows.counting_rows());
    Candidates candidates;
    if (fraction >= 1) {
        candidates = draw_candidates(comm, rows, options);
    } else {
        const Subsample sample = draw_subsample(rows, fraction, random);
        const RowBlock block{sample.values, 0, sample.ids};
        const RowSet sampled(comm, std::span(&block, 1), rows.dimensions(), rows.threads(), sample.weights);
        candidates = draw_candidates(comm, sampled, options);
    }
    // On tiny or repetitive data the rounds may end with fewer than k rows: any others make up the number.
    const auto k = static_cast<std::size_t>(options.clusters);
    if (candidates.rows.size() < k) {
        const auto more = lottery(comm, rows, random, k - candidates.rows.size(), sorted_rows(candidates));
        gather_candidates(comm, rows, more, candidates);
        candidates.weights.resize(candidates.rows.size(), 1);
    }
    return seed_centroids(candidates, options.clusters, rows.threads(), [&](std::int64_t step, int trial) {
        return random.uniform(seeding_step + static_cast<std::uint64_t>(step), trial);
    });
}

}  // namespace kohort::cluster

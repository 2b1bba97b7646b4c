// Runs k-means on thread-ranks with rows dealt out in some way, and puts the rows' results back in global order:
// whatever the dealing, the whole must be the same bytes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "cluster/kmeans.h"
#include "parallel/thread_communicator.h"

namespace kohort::cluster {

// A kernel that multiplies coarse numbers, and the numbers.
struct CoarseArithmetic {
    Kernel kernel;
    PrefilterChoice choice;
    CoarseFormat format;

    Prefilter prefilter(std::span<const float> centroids, std::int64_t d) const {
        return Prefilter(centroids, d, format, kernel == Kernel::amx);
    }
};

// Those that can be tried here; where one cannot, asking for it is refused, and that is all there is to test.
inline std::vector<CoarseArithmetic> coarse_arithmetic_here() {
    std::vector<CoarseArithmetic> here;
    for (const Kernel kernel : {Kernel::avx512, Kernel::amx})
        for (const auto choice : {PrefilterChoice::bf16, PrefilterChoice::int8}) try {
                here.push_back({kernel, choice, *resolve_prefilter(choice, kernel, 1000)});
            } catch (const base::Error& error) {
                EXPECT_EQ(error.kind(), base::ErrorKind::environment);
            }
    return here;
}

// rank of each block of consecutive rows; a block is [first, first + count).
struct Shard {
    int rank;
    std::int64_t first, count;
};

inline std::vector<Shard> even_shards(std::int64_t rows, int ranks) {
    std::vector<Shard> shards;
    for (int r = 0; r < ranks; ++r) shards.push_back({r, rows * r / ranks, rows * (r + 1) / ranks - rows * r / ranks});
    return shards;
}

// Blocks of random sizes, some empty, given to random ranks in random order; the last rank gets nothing.
inline std::vector<Shard> wild_shards(std::int64_t rows, int ranks, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<Shard> shards;
    for (std::int64_t first = 0; first < rows;) {
        const std::int64_t count = std::min<std::int64_t>(rows - first, random() % std::max<std::int64_t>(rows / 5, 2));
        shards.push_back({static_cast<int>(random() % static_cast<unsigned>(std::max(ranks - 1, 1))), first, count});
        first += count;
    }
    std::shuffle(shards.begin(), shards.end(), random);
    return shards;
}

// All that k-means returns but for timings, with the rows' values in global order.
struct WholeResult {
    std::vector<float> centroids, distances, margins;
    std::vector<std::int32_t> labels, seconds;
    std::vector<std::int64_t> counts;
    double inertia = 0, mean_margin = 0;
    int iterations = 0, restart = 0;
    bool converged = false;
    std::vector<double> inertias;         // per iteration
    std::vector<std::int64_t> changed;    // per iteration
    std::int64_t refilled = 0;
    bool operator==(const WholeResult&) const = default;
};

// How it was computed, which may differ where the result does not.
struct Effort {
    std::int64_t pruned = 0, rescanned = 0;
};

// The shards of a rank as a source.
class ShardSource : public RowSource {
  public:
    ShardSource(const std::vector<float>& values, std::int64_t d, const std::vector<Shard>& shards, int rank)
        : values_(values), d_(d) {
        for (const auto& shard : shards)
            if (shard.rank == rank) ranges_.push_back({shard.first, shard.count});
    }
    std::int64_t dimensions() const override { return d_; }
    const std::vector<Range>& ranges() const override { return ranges_; }
    void read(std::size_t range, std::int64_t first, std::span<float> into) const override {
        std::ranges::copy(
            std::span(values_).subspan(static_cast<std::size_t>((ranges_[range].first_row + first) * d_), into.size()),
            into.begin());
    }

  private:
    const std::vector<float>& values_;
    std::int64_t d_;
    std::vector<Range> ranges_;
};

struct HowToRun {
    bool streamed = false;
    Effort* effort = nullptr;
    KMeansCallback each_iteration = {};
    std::vector<float> weights = {};  // [rows]; none: all 1
};

inline WholeResult run_sharded(const std::vector<float>& values, std::int64_t d, const KMeansOptions& options, int ranks,
                               const std::vector<Shard>& shards, const HowToRun& how = {}) {
    const auto rows = values.size() / static_cast<std::size_t>(d);
    WholeResult whole;
    whole.distances.resize(rows);
    whole.margins.resize(rows);
    whole.labels.resize(rows, -7);
    whole.seconds.resize(rows, -7);
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        std::vector<RowBlock> blocks;
        std::vector<std::int64_t> ids;
        for (const auto& shard : shards) {
            if (shard.rank != comm.rank()) continue;
            blocks.push_back({std::span(values).subspan(static_cast<std::size_t>(shard.first * d),
                                                        static_cast<std::size_t>(shard.count * d)), shard.first, {}});
            for (std::int64_t i = 0; i < shard.count; ++i) ids.push_back(shard.first + i);
        }
        const ShardSource source(values, d, shards, comm.rank());
        std::vector<float> weights;
        if (!how.weights.empty())
            for (const auto id : ids) weights.push_back(how.weights[static_cast<std::size_t>(id)]);
        const RowSet set = how.streamed ? RowSet(comm, source, options.threads, true, weights)
                                        : RowSet(comm, blocks, d, options.threads, weights);
        const KMeansResult result = kmeans(comm, set, options, how.each_iteration);
        std::lock_guard lock(mutex);
        const Assignment& mine = result.assignment;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const auto row = static_cast<std::size_t>(ids[i]);
            whole.labels[row] = mine.labels[i];
            whole.seconds[row] = mine.seconds[i];
            whole.distances[row] = mine.distances[i];
            whole.margins[row] = mine.margins[i];
        }
        if (comm.rank() != ranks - 1) return;
        whole.centroids = result.centroids;
        whole.counts = mine.counts;
        whole.inertia = mine.inertia;
        whole.mean_margin = mine.mean_margin;
        whole.iterations = result.iterations;
        whole.restart = result.restart;
        whole.converged = result.converged;
        for (const auto& s : result.statistics) {
            whole.inertias.push_back(s.inertia);
            whole.changed.push_back(s.changed);
            whole.refilled += s.refilled;
            if (how.effort) how.effort->pruned += s.pruned, how.effort->rescanned += s.rescanned;
        }
    });
    return whole;
}

inline WholeResult run_single(const std::vector<float>& values, std::int64_t d, const KMeansOptions& options,
                              const HowToRun& how = {}) {
    return run_sharded(values, d, options, 1, even_shards(static_cast<std::int64_t>(values.size()) / d, 1), how);
}

// `groups` round clouds of `per_group` rows each, group g at rows g, g + groups, …; centres `spread` apart on average.
inline std::vector<float> blobs(int groups, int per_group, std::int64_t d, double spread, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<double> centres(static_cast<std::size_t>(groups * d));
    for (double& c : centres) c = spread * normal(random);
    std::vector<float> values;
    for (int i = 0; i < per_group; ++i)
        for (int g = 0; g < groups; ++g)
            for (std::int64_t j = 0; j < d; ++j)
                values.push_back(static_cast<float>(centres[static_cast<std::size_t>(g * d + j)] + normal(random)));
    return values;
}

}  // namespace kohort::cluster

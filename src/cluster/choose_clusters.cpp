#include "cluster/choose_clusters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/philox.h"
#include "parallel/collectives.h"

namespace kohort::cluster {
namespace {

constexpr std::int64_t most_rows = 20'000, most_clusters = 20, fewest_rows = 8;

struct Sample {
    std::vector<float> values;
    std::vector<std::int64_t> row_ids;
};

// Every row is drawn by its own random number, so the sample is the same whoever holds the row.
Sample draw_sample(std::span<const RowBlock> blocks, std::int64_t dimensions, double share, std::uint64_t seed) {
    const base::Philox random(seed, base::RandomPurpose::cluster_sample);
    const auto width = static_cast<std::size_t>(dimensions);
    Sample sample;
    for (const auto& block : blocks) {
        for (std::size_t i = 0; (i + 1) * width <= block.values.size(); ++i) {
            const auto id = block.row_ids.empty() ? block.first_row + static_cast<std::int64_t>(i) : block.row_ids[i];
            if (share < 1 && random.uniform(static_cast<std::uint64_t>(id), 0) >= share) continue;
            const auto row = block.values.subspan(i * width, width);
            sample.values.insert(sample.values.end(), row.begin(), row.end());
            sample.row_ids.push_back(id);
        }
    }
    return sample;
}

}  // namespace

ClusterChoice choose_clusters(parallel::Communicator& comm, std::span<const RowBlock> blocks, std::int64_t dimensions,
                              std::uint64_t seed, int threads) {
    std::int64_t rows = 0;
    for (const auto& block : blocks) rows += static_cast<std::int64_t>(block.values.size()) / std::max<std::int64_t>(1, dimensions);
    rows = parallel::all_sum(comm, rows);
    ClusterChoice choice;
    if (rows < fewest_rows) {
        choice.reason = fmt::format("one: {} rows are too few to tell groups apart", rows);
        return choice;
    }
    const auto sample = draw_sample(blocks, dimensions, static_cast<double>(most_rows) / static_cast<double>(rows), seed);
    const RowBlock block{sample.values, 0, sample.row_ids};
    const auto drawn = parallel::all_sum(comm, static_cast<std::int64_t>(sample.row_ids.size()));
    const auto limit = std::min(most_clusters, static_cast<std::int64_t>(std::sqrt(static_cast<double>(drawn) / 2)));
    for (std::int64_t k = 2; k <= std::max<std::int64_t>(2, limit); ++k) {
        KMeansOptions options;
        options.clusters = k;
        options.iterations = 30;
        options.restarts = 2;
        options.seed = seed;
        options.threads = threads;
        const auto result = kmeans(comm, std::span(&block, sample.row_ids.empty() ? 0u : 1u), dimensions, options);
        const double score = std::round(result.assignment.mean_margin * 1e6) / 1e6;
        choice.candidates.push_back({k, score});
        if (choice.candidates.size() == 1 || score > choice.candidates[static_cast<std::size_t>(choice.clusters) - 2].score)
            choice.clusters = k;
    }
    choice.reason = fmt::format("the highest simplified silhouette, {:.3f}, of {} to {} clusters",
                                choice.candidates[static_cast<std::size_t>(choice.clusters) - 2].score, 2,
                                choice.candidates.back().clusters);
    return choice;
}

}  // namespace kohort::cluster

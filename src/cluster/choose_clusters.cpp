#include "cluster/choose_clusters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/progress.h"
#include "cluster/rand_index.h"
#include "cluster/row_sample.h"
#include "parallel/collectives.h"

namespace kohort::cluster {
namespace {

constexpr std::int64_t most_clusters = 20, fewest_rows = 8;
constexpr int runs = 3, starts = 2, iterations = 30;

double rounded(double score) { return std::abs(score) < 1e9 ? std::round(score * 1e6) / 1e6 : score; }

std::optional<double> rounded(std::optional<double> score) { return score ? std::optional(rounded(*score)) : score; }

std::vector<std::int64_t> numbers_to_try(const std::vector<std::int64_t>& asked, std::int64_t rows) {
    if (!asked.empty()) return asked;
    if (rows < fewest_rows) return {1};
    const auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(rows) / 2));
    std::vector<std::int64_t> numbers;
    for (std::int64_t k = 2; k <= std::min(most_clusters, root); ++k) numbers.push_back(k);
    return numbers;
}

double mean_agreement(parallel::Communicator& comm, const std::vector<KMeansResult>& results) {
    // Every rank counts all pairs: the labels of a sample are few.
    std::vector<std::vector<std::int32_t>> labels;
    for (const auto& result : results)
        labels.push_back(parallel::all_gather(comm, std::span<const std::int32_t>(result.assignment.labels)));
    double sum = 0;
    int pairs = 0;
    for (std::size_t i = 0; i < labels.size(); ++i)
        for (std::size_t j = i + 1; j < labels.size(); ++j, ++pairs) sum += adjusted_rand_index(labels[i], labels[j]);
    return sum / pairs;
}

ClusterCandidate try_clusters(parallel::Communicator& comm, const RowSample& sample, std::int64_t dimensions,
                              std::int64_t clusters, const ChoiceOptions& options, const KMeansCallback& each_iteration) {
    const auto blocks = sample.blocks();
    std::vector<KMeansResult> results;
    for (int run = 0; run < runs; ++run) {
        KMeansOptions settings;
        settings.clusters = clusters;
        settings.iterations = iterations;
        settings.restarts = starts;
        settings.seed = options.seed + static_cast<std::uint64_t>(run);
        settings.threads = options.threads;
        settings.metric = options.metric;
        settings.kernel = options.kernel;
        settings.prefilter = options.prefilter;
        settings.pruning = options.pruning;
        settings.step_of_another = true;
        results.push_back(kmeans(comm, blocks, dimensions, settings, each_iteration));
    }
    const auto inertia_of = [](const KMeansResult& result) { return result.assignment.inertia; };
    const auto& best = *std::ranges::min_element(results, {}, inertia_of);
    const auto scores = score_clusters(comm, sample.values, dimensions, best);
    return {clusters,
            best.assignment.inertia,
            {rounded(scores.silhouette), rounded(scores.davies_bouldin), rounded(scores.calinski_harabasz)},
            rounded(mean_agreement(comm, results))};
}

bool is_stable(const ClusterCandidate& candidate, std::span<const ClusterCandidate> candidates) {
    if (candidate.clusters == 1) return true;
    double best = candidate.stability;
    for (const auto& other : candidates)
        if (other.clusters > 1) best = std::max(best, other.stability);
    return candidate.stability >= rounded(best - stability_allowance);
}

std::string numbers_tried(const std::vector<ClusterCandidate>& candidates, bool all) {
    constexpr std::size_t most_named = 6;
    const auto first = candidates.front().clusters, last = candidates.back().clusters;
    if (all) return fmt::format("{} to {} clusters", first, last);
    if (candidates.size() > most_named) return fmt::format("{} numbers from {} to {}", candidates.size(), first, last);
    std::vector<std::int64_t> numbers;
    for (const auto& candidate : candidates) numbers.push_back(candidate.clusters);
    return fmt::format("{} clusters", fmt::join(numbers, ", "));
}

std::string reason_for(const ClusterChoice& choice, bool automatic) {
    const auto& candidates = choice.candidates;
    if (automatic && choice.clusters() == 1)
        return fmt::format("one: {} rows are too few to tell groups apart", choice.rows);
    const auto left_out = std::ranges::count_if(candidates, [&](const auto& c) { return !is_stable(c, candidates); });
    std::string reason = fmt::format("the highest simplified silhouette, {:.3f}, of {}",
                                     candidates[choice.picked].scores.silhouette, numbers_tried(candidates, automatic));
    if (left_out > 0) reason += fmt::format(" but for {} that other seeds do not find again", left_out);
    if (choice.rows < choice.of)
        reason += fmt::format(", on a sample of {} of {} rows", base::human_count(choice.rows), base::human_count(choice.of));
    return reason;
}

}  // namespace

std::size_t pick_candidate(std::span<const ClusterCandidate> candidates) {
    std::optional<std::size_t> picked;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (!is_stable(candidates[i], candidates)) continue;
        if (!picked || candidates[i].scores.silhouette > candidates[*picked].scores.silhouette) picked = i;
    }
    return *picked;  // the most stable is always among them
}

ClusterChoice choose_clusters(parallel::Communicator& comm, const RowSet& rows, const ChoiceOptions& options,
                              const KMeansCallback& each_iteration) {
    const auto sample = draw_rows(comm, rows, most_compared_rows, options.seed);
    ClusterChoice choice;
    choice.rows = sample.rows;
    choice.of = sample.of;
    for (const auto clusters : numbers_to_try(options.clusters, sample.rows))
        choice.candidates.push_back(try_clusters(comm, sample, rows.dimensions(), clusters, options, each_iteration));
    choice.picked = pick_candidate(choice.candidates);
    choice.reason = reason_for(choice, options.clusters.empty());
    return choice;
}

}  // namespace kohort::cluster

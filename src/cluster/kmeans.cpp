#include "cluster/kmeans.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace kohort::cluster {
namespace {

void check_options(const parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options) {
    const auto refuse = [&](const std::string& message) { fail_together(comm, 0, base::ErrorKind::usage, message); };
    if (options.clusters < 1) refuse(fmt::format("clusters is {}; give at least 1", options.clusters));
    if (options.clusters > rows.global_rows())
        refuse(fmt::format("clusters is {}, but there are only {} rows; give at most that many", options.clusters,
                           rows.global_rows()));
    if (options.clusters > std::numeric_limits<std::int32_t>::max())
        refuse(fmt::format("clusters is {}; labels are 32-bit numbers, so give less than 2^31", options.clusters));
    if (options.iterations < 0) refuse(fmt::format("iterations is {}; give 0 or more", options.iterations));
    if (options.restarts < 1) refuse(fmt::format("restarts is {}; give at least 1", options.restarts));
    if (options.initialization != Initialization::given) return;
    if (static_cast<std::int64_t>(options.initial_centroids.size()) != options.clusters * rows.dimensions())
        refuse(fmt::format("the initial centroids hold {} values; {} clusters of {} dimensions need {}",
                           options.initial_centroids.size(), options.clusters, rows.dimensions(),
                           options.clusters * rows.dimensions()));
    for (std::size_t i = 0; i < options.initial_centroids.size(); ++i)
        if (!std::isfinite(options.initial_centroids[i]))
            refuse(fmt::format("initial centroid {} holds a NaN or an infinity", static_cast<std::int64_t>(i) / rows.dimensions()));
}

std::vector<float> start_centroids(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options, int restart) {
    const InitializationOptions initialization{options.clusters, options.seed, restart, options.kernel, options.prefilter};
    switch (options.initialization) {
        case Initialization::kmeans_parallel: return kmeans_parallel_centroids(comm, rows, initialization);
        case Initialization::random: return random_centroids(comm, rows, initialization);
        case Initialization::given: return options.initial_centroids;
    }
    base::fail(base::ErrorKind::internal, "no such initialization");
}

}  // namespace

KMeansResult kmeans(parallel::Communicator& comm, std::span<const RowBlock> blocks, std::int64_t dimensions,
                    const KMeansOptions& options, const IterationCallback& each_iteration) {
    const RowSet rows(comm, blocks, dimensions, options.threads);
    check_options(comm, rows, options);

    KMeansResult result;
    const auto report = [&](const IterationStatistics& statistics, std::span<const float> centroids) {
        result.statistics.push_back(statistics);
        if (each_iteration) each_iteration(statistics, centroids);
    };
    std::optional<LloydResult> best;
    const int restarts = options.initialization == Initialization::given ? 1 : options.restarts;
    for (int restart = 0; restart < restarts; ++restart) {
        auto centroids = start_centroids(comm, rows, options, restart);
        auto found = run_lloyd(comm, rows, std::move(centroids), {options.iterations, options.kernel, options.prefilter, options.pruning, restart}, report);
        if (best && !(found.inertia < best->inertia)) continue;
        best = std::move(found);
        result.restart = restart;
    }
    result.iterations = best->iterations;
    result.converged = best->converged;
    result.centroids = std::move(best->centroids);
    result.assignment = assign_rows(comm, rows, result.centroids, options.kernel);
    return result;
}

}  // namespace kohort::cluster

#include "cluster/kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/stop_signal.h"
#include "cluster/balance.h"
#include "cluster/canonical_distance.h"
#include "cluster/centroid_sums.h"
#include "cluster/divisive.h"
#include "cluster/mini_batch.h"
#include "cluster/unit_rows.h"

namespace kohort::cluster {
namespace {

void check_options(const parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options) {
    const auto refuse = [&](const std::string& message) { fail_together(comm, 0, base::ErrorKind::usage, message); };
    if (options.clusters < 1) refuse(fmt::format("clusters is {}; give at least 1", options.clusters));
    if (options.clusters > rows.counting_rows())
        refuse(fmt::format("clusters is {}, but there are only {} rows{}; give at most that many", options.clusters,
                           rows.counting_rows(), rows.weighted() ? " of weight above 0" : ""));
    if (options.clusters > std::numeric_limits<std::int32_t>::max())
        refuse(fmt::format("clusters is {}; labels are 32-bit numbers, so give less than 2^31", options.clusters));
    if (options.iterations < 0) refuse(fmt::format("iterations is {}; give 0 or more", options.iterations));
    if (options.balance != 0 && !(options.balance >= 1))
        refuse(fmt::format("balance is {}; give 0 for none, or at least 1", options.balance));
    if (options.restarts < 1) refuse(fmt::format("restarts is {}; give at least 1", options.restarts));
    if (options.from && static_cast<std::int64_t>(options.from->centroids.size()) != options.clusters * rows.dimensions())
        refuse("the state to go on from has another number of clusters or dimensions");
    if (options.initialization != Initialization::given) return;
    if (static_cast<std::int64_t>(options.initial_centroids.size()) != options.clusters * rows.dimensions())
        refuse(fmt::format("the initial centroids hold {} values; {} clusters of {} dimensions need {}",
                           options.initial_centroids.size(), options.clusters, rows.dimensions(),
                           options.clusters * rows.dimensions()));
    for (std::size_t i = 0; i < options.initial_centroids.size(); ++i)
        if (!std::isfinite(options.initial_centroids[i]))
            refuse(fmt::format("initial centroid {} holds a NaN or an infinity",
                               static_cast<std::int64_t>(i) / rows.dimensions()));
}

void warn_of_coarse_sums(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options) {
    if (options.step_of_another) return;
    const std::string warning = rows.warning_of_coarse_sums(comm);
    if (!warning.empty() && comm.is_root()) base::log_warning("{}", warning);
}

// The kernel amx multiplies coarse numbers only: where there are none, another one runs, which is said.
void tell_of_kernel(const parallel::Communicator& comm, const KMeansOptions& options) {
    if (options.kernel != Kernel::amx || options.step_of_another) return;
    const Kernel kernel = resolve_kernel(options.kernel);
    if (resolve_prefilter(options.prefilter, kernel, options.clusters) || !comm.is_root()) return;
    base::log_info("the kernel amx is for the prefilter, which {}: avx512 computes all distances",
                   options.prefilter == PrefilterChoice::off ? "is off"
                                                             : fmt::format("does not pay with {} clusters", options.clusters));
}

// The centroids handed in; by cosine their directions. What has length one but for rounding stays, to the bit: a former
// run's centroids.
std::vector<float> given_centroids(const KMeansOptions& options, std::int64_t dimensions) {
    constexpr double rounding = 1e-6;
    auto centroids = options.initial_centroids;
    if (options.metric != Metric::cosine) return centroids;
    const auto d = static_cast<std::size_t>(dimensions);
    const std::vector<float> origin(d);
    for (std::size_t first = 0; first < centroids.size(); first += d)
        if (std::abs(canonical_distance(centroids.data() + first, origin.data(), dimensions) - 1) > rounding)
            make_unit(std::span(centroids).subspan(first, d));
    return centroids;
}

std::vector<float> start_centroids(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options,
                                   int restart) {
    const InitializationOptions initialization{options.clusters, options.seed, restart, options.kernel, options.prefilter};
    auto divided = options;
    divided.seed += static_cast<std::uint64_t>(restart) * 0xbf58476d1ce4e5b9u;  // another stream for each restart
    switch (resolve_initialization(options.initialization, options.clusters)) {
        case Initialization::kmeans_parallel: return kmeans_parallel_centroids(comm, rows, initialization);
        case Initialization::random: return random_centroids(comm, rows, initialization);
        case Initialization::hierarchical: return hierarchical_centroids(comm, rows, divided);
        case Initialization::bisecting: return bisecting_centroids(comm, rows, divided);
        case Initialization::automatic: break;
        case Initialization::given: return given_centroids(options, rows.dimensions());
    }
    base::fail(base::ErrorKind::internal, "no such initialization");
}

// The iterations' inertia follows from sums over whole clusters, and may be wrong by digits of all rows' squares and by half a
// step of the sums' grid for each component of each row, times what that is multiplied by: two that are this near each other
// are told apart by the distances of the rows.
bool in_doubt(const RowSet& rows, double one, double other) {
    const double largest = rows.largest_counting_component();
    const double step = CentroidGrid(rows.global_rows(), largest * rows.largest_weight()).value(1);
    const double components = static_cast<double>(rows.global_rows()) * static_cast<double>(rows.dimensions());
    return std::abs(one - other) <= 0x1p-40 * (rows.sum_of_squares() + std::max(one, other)) + 4 * components * largest * step;
}

}  // namespace

KMeansResult kmeans(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options,
                    const KMeansCallback& each_iteration) {
    check_options(comm, rows, options);
    warn_of_coarse_sums(comm, rows, options);
    tell_of_kernel(comm, options);
    KMeansResult result;
    KMeansState state;
    if (options.from) state = *options.from;
    state.converged = false;
    const int restarts = options.initialization == Initialization::given ? 1 : options.restarts;
    for (int restart = state.restart; restart < restarts; ++restart) {
        const bool goes_on = options.from && restart == options.from->restart;
        auto centroids = goes_on ? options.from->centroids : start_centroids(comm, rows, options, restart);
        if (!goes_on && options.warm_up_batches > 0)
            centroids = warm_up_centroids(comm, rows, std::move(centroids), options, restart);
        const auto report = [&](const IterationStatistics& statistics, std::span<const float> now) {
            result.statistics.push_back(statistics);
            // Whoever hears of each iteration decides on a stop there, with a state to save.
            if (!each_iteration) return base::leave_if_stop_requested("clustering");
            each_iteration(statistics, [&] {
                auto copy = state;
                copy.restart = restart;
                copy.iteration = statistics.iteration;
                copy.converged = statistics.changed == 0;
                copy.centroids.assign(now.begin(), now.end());
                return copy;
            });
        };
        const bool done = goes_on && options.from->converged;  // its last iteration changed no row: there is no further one
        auto found = run_lloyd(comm, rows, std::move(centroids),
                               {done ? options.from->iteration : options.iterations, options.kernel, options.prefilter,
                                options.pruning, options.metric, restart, goes_on ? options.from->iteration : 0},
                               report);
        found.converged |= done;
        if (state.best_restart >= 0 && in_doubt(rows, found.inertia, state.best.inertia))
            for (LloydResult* each : {&found, &state.best})
                each->inertia = assign_rows(comm, rows, each->centroids, options.kernel).inertia;
        if (state.best_restart >= 0 && !(found.inertia < state.best.inertia)) continue;
        state.best = std::move(found);
        state.best_restart = restart;
    }
    result.restart = state.best_restart;
    result.iterations = state.best.iterations;
    result.converged = state.best.converged;
    result.centroids = std::move(state.best.centroids);
    result.assignment = assign_rows(comm, rows, result.centroids, options.kernel);
    if (options.balance > 0) balance_clusters(comm, rows, options, result.centroids, result.assignment);
    return result;
}

KMeansResult kmeans(parallel::Communicator& comm, std::span<const RowBlock> blocks, std::int64_t dimensions,
                    const KMeansOptions& options, const KMeansCallback& each_iteration) {
    return kmeans(comm, RowSet(comm, blocks, dimensions, options.threads), options, each_iteration);
}

}  // namespace kohort::cluster

// K-means on a run's vectors, or on any two-dimensional dataset: labels, margins, a map and the centroids.
#include <algorithm>
#include <numeric>

#include "cluster/checkpoint.h"
#include "cluster/kmeans.h"
#include "cluster/projection.h"
#include "cluster/unit_rows.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "cluster_choice.h"
#include "corpus/user_document.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"
#include "parallel/heartbeat.h"
#include "segment/identity.h"
#include "stages.h"
#include "store/dataset_source.h"
#include "store/partition_file.h"
#include "vector_input.h"

namespace kohort::jobs {
namespace {

cluster::KMeansOptions kmeans_options(JobContext& context, std::int64_t clusters, std::int64_t columns) {
    const auto& options = context.options;
    cluster::KMeansOptions settings;
    settings.clusters = clusters;
    settings.iterations = static_cast<int>(options.integer("iterations"));
    settings.seed = static_cast<std::uint64_t>(options.integer("seed"));
    settings.restarts = static_cast<int>(options.integer("restarts"));
    settings.threads = context.threads;
    settings.kernel = cluster::resolve_kernel(cluster::parse_kernel(options.text("kernel")));
    settings.prefilter = cluster::parse_prefilter(options.text("prefilter"));
    settings.balance = options.real("balance");
    settings.warm_up_batches = options.integer("warm-up");
    settings.metric = cluster::parse_metric(options.text("metric"));
    settings.pruning = cluster::parse_pruning(options.text("pruning"));
    const auto& init = options.text("init");
    if (!names_a_dataset(init)) {
        settings.initialization = cluster::parse_initialization(init);
    } else {
        store::MatrixSource given(store::parse_dataset(init));
        if (given.columns() != columns || given.rows() != clusters)
            base::fail(base::ErrorKind::usage, "--init {}: {} centroids of {} columns; the run needs {} of {}", init,
                       given.rows(), given.columns(), clusters, columns);
        settings.initialization = cluster::Initialization::given;
        settings.initial_centroids = given.read_rows(0, given.rows());
    }
    return settings;
}

std::vector<std::int32_t> number_segments(JobContext& context, const std::filesystem::path& run, const VectorInput& input,
                                          const cluster::RowSet& rows, const cluster::KMeansResult& result) {
    if (!context.options.given("previous")) return segment::numbers_by_size(result.assignment.counts);
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < input.ranges().size(); ++i) {
        const auto name = store::partition_file_name(input.first_partition() + static_cast<std::int32_t>(i));
        const auto users = store::PartitionReader(run / "corpus" / name).read_strings("/obs/_index");
        ids.insert(ids.end(), users.begin(), users.end());
    }
    const auto previous = segment::read_previous(context.comm, context.options.text("previous"), ids, rows);
    const auto match = segment::match_segments(previous, result.centroids, input.dimensions(), result.assignment.counts);
    base::log_info("segments: {} kept their numbers, {} are new, {} are gone", match.kept, match.born, match.retired);
    return match.numbers;
}

// Puts the clusters in the order of their numbers, as they are written. Of centroids that are equally near, a row is the
// first one's in that order, so where the order changes all are assigned again; balanced ones keep their places.
std::vector<std::int32_t> order_by_number(JobContext& context, const cluster::RowSet& rows, const cluster::KMeansOptions& options,
                                          const std::vector<std::int32_t>& numbers, cluster::KMeansResult& result) {
    std::vector<std::size_t> order(numbers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t c) { return numbers[c]; });
    if (std::ranges::is_sorted(order)) return numbers;
    const auto d = rows.dimensions();
    std::vector<float> centroids;
    std::vector<std::int64_t> counts;
    std::vector<std::int32_t> sorted_numbers, place(order.size());
    for (const std::size_t c : order) {
        place[c] = static_cast<std::int32_t>(counts.size());
        const auto from = result.centroids.begin() + static_cast<std::ptrdiff_t>(c) * d;
        centroids.insert(centroids.end(), from, from + d);
        counts.push_back(result.assignment.counts[c]);
        sorted_numbers.push_back(numbers[c]);
    }
    result.centroids = std::move(centroids);
    if (options.balance == 0) {
        result.assignment = cluster::assign_rows(context.comm, rows, result.centroids, options.kernel);
        return sorted_numbers;
    }
    result.assignment.counts = std::move(counts);
    for (auto* labels : {&result.assignment.labels, &result.assignment.seconds})
        for (std::int32_t& label : *labels)
            if (label >= 0) label = place[static_cast<std::size_t>(label)];
    return sorted_numbers;
}

// Returns the file's digest.
std::string write_partition(const std::filesystem::path& file, const std::string& key, const cluster::Assignment& assignment,
                            std::size_t first, std::size_t rows, const std::vector<std::int32_t>& numbers,
                            std::span<const float> map) {
    std::vector<std::int32_t> labels, second;
    for (std::size_t r = first; r < first + rows; ++r) {
        labels.push_back(numbers[static_cast<std::size_t>(assignment.labels[r])]);
        second.push_back(assignment.seconds[r] < 0 ? -1 : numbers[static_cast<std::size_t>(assignment.seconds[r])]);
    }
    store::PartitionWriter writer(file, "segment", key);
    writer.write("/obs/segment", labels, store::Filter::deflate);
    writer.write("/obs/second", second, store::Filter::deflate);
    writer.write("/obs/distance", std::span(assignment.distances).subspan(first, rows), {static_cast<std::int64_t>(rows)},
                 store::Filter::none);
    writer.write("/obs/margin", std::span(assignment.margins).subspan(first, rows), {static_cast<std::int64_t>(rows)},
                 store::Filter::none);
    writer.write("/obsm/map", map, {static_cast<std::int64_t>(rows), 2}, store::Filter::none);
    return writer.commit();
}

void write_partitions(JobContext& context, const store::RunFolder& run, store::Stage& stage, const store::StageKey& key,
                      const VectorInput& input, const cluster::RowSource& source, const cluster::KMeansResult& result,
                      const std::vector<std::int32_t>& numbers, const cluster::Projection& projection) {
    std::size_t row = 0;
    for (std::size_t i = 0; i < input.ranges().size(); ++i) {
        const auto partition = input.first_partition() + static_cast<std::int32_t>(i);
        const auto name = "segment/" + store::partition_file_name(partition);
        const auto rows = static_cast<std::size_t>(input.ranges()[i].rows);
        if (!stage.reusable(name)) {
            parallel::heartbeat();
            const auto start = std::chrono::steady_clock::now();
            std::vector<float> values(rows * static_cast<std::size_t>(input.dimensions()));
            source.read(i, 0, values);
            const auto map = projection.project(values);
            stage.add(name, write_partition(run.path() / name, key.hash(), result.assignment, row, rows, numbers, map));
            trace_partition(context, "cluster", partition,
                            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        }
        row += rows;
    }
    if (!context.is_root() || stage.reusable("segment/centroids.h5")) return;
    store::PartitionWriter writer(run.path() / "segment/centroids.h5", "segment", key.hash());
    writer.write("/centroids", std::span<const float>(result.centroids),
                 {static_cast<std::int64_t>(numbers.size()), input.dimensions()}, store::Filter::none);
    writer.write("/number", numbers, store::Filter::deflate);
    writer.write("/count", result.assignment.counts, store::Filter::deflate);
    stage.add("segment/centroids.h5", writer.commit());
}

// Writes the state now and then, and leaves when asked to.
class IterationWatch {
  public:
    IterationWatch(JobContext& context, std::filesystem::path checkpoint, std::string key, std::int64_t rows)
        : context_(context),
          checkpoint_(std::move(checkpoint)),
          key_(std::move(key)),
          rows_(rows),
          progress_("cluster", -1, "iterations", context.is_root()) {}

    void operator()(const cluster::IterationStatistics& s, const std::function<cluster::KMeansState()>& state) {
        progress_.advance();
        const auto share = [&](std::int64_t some) { return static_cast<double>(some) / static_cast<double>(rows_); };
        context_.metrics.record("lloyd", {{"restart", s.restart}, {"iteration", s.iteration}, {"seconds", s.seconds},
                                          {"update_seconds", s.update_seconds}, {"assign_seconds", s.assign_seconds},
                                          {"reduce_seconds", s.reduce_seconds}, {"changed", s.changed}, {"inertia", s.inertia},
                                          {"imbalance", s.imbalance}, {"empty", s.empty}, {"refilled", s.refilled},
                                          {"rescanned", share(s.rescanned)}, {"reranked", share(s.reranked)},
                                          {"pruned", share(s.pruned)}, {"kernel", std::string(cluster::kernel_name(s.kernel))},
                                          {"prefilter", std::string(s.prefilter)}});
        const bool stop = parallel::stop_agreed(context_.comm);
        const std::chrono::duration<double> since = std::chrono::steady_clock::now() - written_;
        if (context_.is_root() && (stop || since.count() >= context_.options.real("checkpoint-every"))) {
            cluster::write_checkpoint(checkpoint_, state(), key_);
            written_ = std::chrono::steady_clock::now();
        }
        if (stop) base::fail(base::ErrorKind::stopped, "stopped on request while clustering; run again with --resume to go on");
    }
    void finish() { progress_.finish(); }

  private:
    JobContext& context_;
    std::filesystem::path checkpoint_;
    std::string key_;
    std::int64_t rows_;
    base::Progress progress_;
    std::chrono::steady_clock::time_point written_ = std::chrono::steady_clock::now();
};

void cluster_vectors(JobContext& context, store::RunFolder& run, store::Stage& stage, const store::StageKey& key,
                     const VectorInput& input) {
    StageTimer timer(context, "cluster");
    refuse_impossible_clusters(context.options, input.rows());
    const auto most = clusters_asked(context.options);
    const auto metric = cluster::parse_metric(context.options.text("metric"));
    const auto& init = context.options.text("init");
    const bool given_centroids = names_a_dataset(init);
    const cluster::UnitRows unit_rows(input);
    const cluster::RowSource& source =
        metric == cluster::Metric::cosine ? static_cast<const cluster::RowSource&>(unit_rows) : input;
    const cluster::RowSet rows(context.comm, source, context.threads,
                               choose_streaming(context, input, most.empty() ? 20 : most.back(),
                                                given_centroids ? cluster::Initialization::given
                                                                : cluster::parse_initialization(init)),
                               row_weights(context, input));
    if (rows.all_equal() && rows.counting_rows() > 1 && context.is_root())
        base::log_warning("cluster: all rows of {} are equal", source.name());
    const auto clusters = settle_clusters(context, run, stage, rows);
    auto options = kmeans_options(context, clusters, input.dimensions());
    const auto checkpoint = run.path() / "checkpoint/kmeans.checkpoint";
    options.from = cluster::read_checkpoint(context.comm, checkpoint, key.hash());
    if (options.from)
        base::log_info("cluster: going on after iteration {} of start {}", options.from->iteration, options.from->restart + 1);
    IterationWatch watch(context, checkpoint, key.hash(), input.rows());
    auto result = cluster::kmeans(context.comm, rows, options, std::ref(watch));
    watch.finish();
    const auto numbers = order_by_number(context, rows, options, number_segments(context, run.path(), input, rows, result), result);
    context.metrics.record("final_assignment", {{"restart", result.restart},
                                                {"iterations", result.iterations},
                                                {"converged", result.converged},
                                                {"inertia", result.assignment.inertia},
                                                {"mean_margin", result.assignment.mean_margin},
                                                {"rescanned", static_cast<double>(result.assignment.rescanned) /
                                                                  static_cast<double>(input.rows())}});
    const auto projection = cluster::fit_projection(result.centroids, result.assignment.counts);
    write_partitions(context, run, stage, key, input, source, result, numbers, projection);
    stage.finish();
    if (context.is_root()) std::filesystem::remove(checkpoint);
    timer.finish(fmt::format("{} of {} in {}, {}{}, inertia {:.6g}", base::counted(input.rows(), "vectors"), input.dimensions(),
                             base::counted(clusters, "clusters"), base::counted(result.iterations, "iterations"),
                             result.converged ? "" : " (not converged)", result.assignment.inertia));
}

store::StageKey cluster_key(const Options& options) {
    store::StageKey key("segment");
    for (const char* name : {"clusters", "init", "iterations", "restarts", "seed"}) key.add(name, options.text(name));
    if (options.names("weights") && !options.text("weights").empty())
        key.add("weights", store::parse_dataset(options.text("weights")).dataset + " " +
                               base::sha256_file(store::parse_dataset(options.text("weights")).file));
    if (options.real("balance") > 0) key.add("balance", options.text("balance"));
    if (options.integer("warm-up") > 0) key.add("warm-up", options.text("warm-up"));
    if (options.text("metric") != "euclidean") key.add("metric", options.text("metric"));
    if (names_a_dataset(options.text("init")))
        key.add("init's file", base::sha256_file(store::parse_dataset(options.text("init")).file));
    if (options.given("previous"))
        key.add("previous", base::sha256_file(std::filesystem::path(options.text("previous")) / "checksum/segment.sha256"));
    return key;
}

// Of the bytes that the rows come from, read once by rank 0.
std::string input_fingerprint(JobContext& context, const std::string& dataset) {
    std::string listing = store::parse_dataset(dataset).dataset;
    if (context.is_root()) {
        const store::MatrixSource source(store::parse_dataset(dataset));
        for (const auto& file : source.files()) listing += " " + base::sha256_file(file, parallel::heartbeat);
    }
    parallel::broadcast_resized(context.comm, listing);
    return base::sha256_hex(listing);
}

}  // namespace

store::StageKey cluster_stage(JobContext& context, store::RunFolder& run, const store::StageKey& embedding) {
    auto key = cluster_key(context.options);
    key.add_stage(embedding);
    store::Stage stage(context.comm, run, key, {"segment"});
    if (stage.complete()) {
        base::log_info("cluster: complete already");
        return key;
    }
    cluster_vectors(context, run, stage, key, *run_vectors(context, run.path()));
    return key;
}

void check_arithmetic(JobContext& context) {
    const auto& options = context.options;
    parallel::agree(context.comm, [&] {
        const auto kernel = cluster::resolve_kernel(cluster::parse_kernel(options.text("kernel")));
        if (const auto balance = options.real("balance"); balance > 0 && balance < 1)
            base::fail(base::ErrorKind::usage, "--balance {}: give 1 or more, or 0 for clusters of any size", options.text("balance"));
        cluster::resolve_prefilter(cluster::parse_prefilter(options.text("prefilter")), kernel, 1);
        parse_memory(options.text("memory"));
    });
}

void check_clusters(JobContext& context, const store::RunFolder& run) {
    const auto users = corpus::read_corpus_info(run.path()).users;
    parallel::agree(context.comm, [&] {
        refuse_impossible_clusters(context.options, std::accumulate(users.begin(), users.end(), std::int64_t{0}));
        const std::filesystem::path previous = context.options.text("previous");
        if (!previous.empty() && !std::filesystem::exists(previous / "segment/centroids.h5"))
            base::fail(base::ErrorKind::usage, "--previous {}: no finished run is there", previous.string());
    });
}

int cluster_job(JobContext& context) {
    check_arithmetic(context);
    const auto inputs = context.options.list("input");
    if (inputs.empty()) {
        const auto folder = open_run(context, store::OpenMode::read);
        auto& run = *folder;
        demand_users(context, run);
        cluster_stage(context, run, completed_stage(run, "embedding", "encode"));
        return 0;
    }
    if (inputs.size() != 1) base::fail(base::ErrorKind::usage, "--input: one dataset at a time, as FILE.h5:/path");
    if (context.options.given("previous"))
        base::fail(base::ErrorKind::usage, "--previous: users are known again by their ids, and rows of a matrix have none; leave it out");
    // Before there is a folder: a name that was mistyped should leave none behind.
    auto key = cluster_key(context.options);
    key.add("input", input_fingerprint(context, inputs[0]));
    const auto folder = open_run(context, context.options.flag("resume") ? store::OpenMode::resume : store::OpenMode::create);
    auto& run = *folder;
    store::Stage stage(context.comm, run, key, {"segment"});
    if (stage.complete()) return 0;
    cluster_vectors(context, run, stage, key, *dataset_vectors(context, inputs[0]));
    return 0;
}

}  // namespace kohort::jobs

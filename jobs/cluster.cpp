// K-means on a run's vectors, or on any two-dimensional dataset: labels, margins, a map and the centroids.
#include "cluster/kmeans.h"
#include "cluster/projection.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "cluster_choice.h"
#include "corpus/user_document.h"
#include "parallel/agreement.h"
#include "parallel/balanced_ranges.h"
#include "parallel/collectives.h"
#include "parallel/heartbeat.h"
#include "segment/identity.h"
#include "stages.h"
#include "store/dataset_source.h"
#include "store/partition_file.h"

namespace kohort::jobs {
namespace {

// The rows of this rank: whole partitions, one after another.
struct LocalVectors {
    std::int64_t columns = 0, rows = 0;         // rows: of all ranks
    std::vector<std::int64_t> first_row;        // [partitions + 1] over the whole
    std::int32_t first_partition = 0;           // of this rank
    std::vector<std::vector<float>> partitions; // of this rank

    std::vector<cluster::RowBlock> blocks() const {
        std::vector<cluster::RowBlock> all;
        for (std::size_t i = 0; i < partitions.size(); ++i)
            all.push_back({partitions[i], first_row[static_cast<std::size_t>(first_partition) + i]});
        return all;
    }
    std::int32_t count() const { return static_cast<std::int32_t>(first_row.size()) - 1; }
};

std::vector<std::int64_t> prefix_sums(const std::vector<std::int64_t>& counts) {
    std::vector<std::int64_t> sums(counts.size() + 1);
    std::partial_sum(counts.begin(), counts.end(), sums.begin() + 1);
    return sums;
}

LocalVectors read_run_vectors(JobContext& context, const std::filesystem::path& run) {
    const auto info = corpus::read_corpus_info(run);
    LocalVectors local;
    local.first_row = prefix_sums(info.users);
    local.rows = local.first_row.back();
    const auto range = parallel::balanced_ranges(info.users, context.comm.size())[static_cast<std::size_t>(context.comm.rank())];
    local.first_partition = static_cast<std::int32_t>(range.first);
    for (auto p = range.first; p < range.last; ++p) {
        const store::PartitionReader reader(run / "embedding" / store::partition_file_name(static_cast<std::int32_t>(p)));
        local.columns = reader.shape("/obsm/embedding")[1];
        local.partitions.push_back(reader.read<float>("/obsm/embedding"));
    }
    local.columns = parallel::all_max(context.comm, local.columns);
    return local;
}

// Partitions of a dataset without users are consecutive row ranges.
LocalVectors read_dataset(JobContext& context, const std::string& name) {
    store::MatrixSource source(store::parse_dataset(name));
    LocalVectors local;
    local.rows = source.rows();
    local.columns = source.columns();
    const auto partitions = corpus::partition_count(local.rows);
    std::vector<std::int64_t> counts(static_cast<std::size_t>(partitions));
    for (std::int64_t p = 0; p < partitions; ++p)
        counts[static_cast<std::size_t>(p)] = (p + 1) * local.rows / partitions - p * local.rows / partitions;
    local.first_row = prefix_sums(counts);
    const auto range = parallel::balanced_ranges(counts, context.comm.size())[static_cast<std::size_t>(context.comm.rank())];
    local.first_partition = static_cast<std::int32_t>(range.first);
    for (auto p = static_cast<std::size_t>(range.first); p < static_cast<std::size_t>(range.last); ++p)
        local.partitions.push_back(source.read_rows(local.first_row[p], counts[p]));
    return local;
}

bool names_a_dataset(const std::string& init) { return init.find(":/") != std::string::npos; }

cluster::KMeansOptions kmeans_options(JobContext& context, std::int64_t clusters, std::int64_t columns) {
    const auto& options = context.options;
    cluster::KMeansOptions settings;
    settings.clusters = clusters;
    settings.iterations = static_cast<int>(options.integer("iterations"));
    settings.seed = static_cast<std::uint64_t>(options.integer("seed"));
    settings.restarts = static_cast<int>(options.integer("restarts"));
    settings.threads = context.threads;
    const auto& init = options.text("init");
    if (!names_a_dataset(init)) {
        settings.initialization = cluster::parse_initialization(init);
    } else {
        store::MatrixSource given(store::parse_dataset(init));
        if (given.columns() != columns || given.rows() != clusters)
            base::fail(base::ErrorKind::usage, "--init {}: {} centroids of {} columns; the run needs {} of {}", init, given.rows(),
                       given.columns(), clusters, columns);
        settings.initialization = cluster::Initialization::given;
        settings.initial_centroids = given.read_rows(0, given.rows());
    }
    return settings;
}

std::vector<std::int32_t> number_segments(JobContext& context, const std::filesystem::path& run, const LocalVectors& local,
                                          const cluster::KMeansResult& result) {
    if (!context.options.given("previous")) return segment::numbers_by_size(result.assignment.counts);
    std::vector<std::string> ids;
    std::vector<float> vectors;
    for (std::size_t i = 0; i < local.partitions.size(); ++i) {
        const auto name = store::partition_file_name(local.first_partition + static_cast<std::int32_t>(i));
        const auto users = store::PartitionReader(run / "corpus" / name).read_strings("/obs/_index");
        ids.insert(ids.end(), users.begin(), users.end());
        vectors.insert(vectors.end(), local.partitions[i].begin(), local.partitions[i].end());
    }
    const auto previous = segment::read_previous(context.comm, context.options.text("previous"), ids, vectors, local.columns);
    const auto match = segment::match_segments(previous, result.centroids, local.columns, result.assignment.counts);
    base::log_info("segments: {} kept their numbers, {} are new, {} are gone", match.kept, match.born, match.retired);
    return match.numbers;
}

void write_partitions(JobContext& context, const store::RunFolder& run, store::Stage& stage, const store::StageKey& key,
                      const LocalVectors& local, const cluster::KMeansResult& result, const std::vector<std::int32_t>& numbers,
                      const cluster::Projection& projection) {
    std::size_t row = 0;
    for (std::size_t i = 0; i < local.partitions.size(); ++i) {
        const auto partition = local.first_partition + static_cast<std::int32_t>(i);
        const auto name = "segment/" + store::partition_file_name(partition);
        const auto rows = local.partitions[i].size() / static_cast<std::size_t>(std::max<std::int64_t>(1, local.columns));
        if (!stage.reusable(name)) {
            const auto start = std::chrono::steady_clock::now();
            std::vector<std::int32_t> labels, second;
            std::vector<float> distance, margin;
            for (std::size_t r = row; r < row + rows; ++r) {
                labels.push_back(numbers[static_cast<std::size_t>(result.assignment.labels[r])]);
                second.push_back(result.assignment.seconds[r] < 0 ? -1 : numbers[static_cast<std::size_t>(result.assignment.seconds[r])]);
                distance.push_back(result.assignment.distances[r]);
                margin.push_back(result.assignment.margins[r]);
            }
            const auto map = projection.project(local.partitions[i]);
            store::PartitionWriter writer(run.path() / name, "segment", key.hash());
            writer.write("/obs/segment", labels, store::Filter::deflate);
            writer.write("/obs/second", second, store::Filter::deflate);
            writer.write("/obs/distance", distance, store::Filter::none);
            writer.write("/obs/margin", margin, store::Filter::none);
            writer.write("/obsm/map", std::span<const float>(map), {static_cast<std::int64_t>(rows), 2}, store::Filter::none);
            stage.add(name, writer.commit());
            trace_partition(context, "cluster", partition, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        }
        row += rows;
    }
    if (!context.is_root() || stage.reusable("segment/centroids.h5")) return;
    store::PartitionWriter writer(run.path() / "segment/centroids.h5", "segment", key.hash());
    writer.write("/centroids", std::span<const float>(result.centroids), {static_cast<std::int64_t>(numbers.size()), local.columns},
                 store::Filter::none);
    writer.write("/number", numbers, store::Filter::deflate);
    writer.write("/count", result.assignment.counts, store::Filter::deflate);
    stage.add("segment/centroids.h5", writer.commit());
}

void cluster_vectors(JobContext& context, store::RunFolder& run, store::Stage& stage, const store::StageKey& key,
                     const LocalVectors& local) {
    StageTimer timer(context, "cluster");
    const auto blocks = local.blocks();
    refuse_impossible_clusters(context.options, local.rows);
    const auto clusters = settle_clusters(context, run, stage, blocks, local.columns);
    base::Progress progress("cluster", -1, "iterations", context.is_root());
    const auto result = cluster::kmeans(context.comm, blocks, local.columns, kmeans_options(context, clusters, local.columns),
                                        [&](const cluster::IterationStatistics& s) {
                                            progress.advance();
                                            if (parallel::stop_agreed(context.comm))
                                                base::fail(base::ErrorKind::stopped, "stopped on request while clustering; run again with --resume to go on");
                                            context.metrics.record("lloyd", {{"restart", s.restart}, {"iteration", s.iteration},
                                                                             {"seconds", s.seconds}, {"changed", s.changed},
                                                                             {"inertia", s.inertia}, {"imbalance", s.imbalance},
                                                                             {"rescanned", s.rescanned}, {"pruned", 0},
                                                                             {"kernel", std::string(cluster::kernel_name(s.kernel))},
                                                                             {"prefilter", "off"}});
                                        });
    progress.finish();
    const auto numbers = number_segments(context, run.path(), local, result);
    const auto projection = cluster::fit_projection(result.centroids, result.assignment.counts);
    write_partitions(context, run, stage, key, local, result, numbers, projection);
    stage.finish();
    timer.finish(fmt::format("{} vectors of {} in {} clusters, {} iterations, inertia {:.6g}", base::human_count(local.rows),
                             local.columns, clusters, result.iterations, result.assignment.inertia));
}

store::StageKey cluster_key(const Options& options) {
    store::StageKey key("segment");
    for (const char* name : {"clusters", "init", "iterations", "restarts", "seed"}) key.add(name, options.text(name));
    if (names_a_dataset(options.text("init")))
        key.add("init's file", base::sha256_file(store::parse_dataset(options.text("init")).file));
    if (options.given("previous")) key.add("previous", base::sha256_file(std::filesystem::path(options.text("previous")) / "checksum/segment.sha256"));
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
    cluster_vectors(context, run, stage, key, read_run_vectors(context, run.path()));
    return key;
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
    const auto inputs = context.options.list("input");
    if (inputs.empty()) {
        const auto folder = open_run(context, store::OpenMode::read);
        auto& run = *folder;
        cluster_stage(context, run, completed_stage(run, "embedding", "encode"));
        return 0;
    }
    if (inputs.size() != 1) base::fail(base::ErrorKind::usage, "--input: one dataset at a time, as FILE.h5:/path");
    const auto folder = open_run(context, context.options.flag("resume") ? store::OpenMode::resume : store::OpenMode::create);
    auto& run = *folder;
    auto key = cluster_key(context.options);
    key.add("input", input_fingerprint(context, inputs[0]));
    store::Stage stage(context.comm, run, key, {"segment"});
    if (stage.complete()) return 0;
    cluster_vectors(context, run, stage, key, read_dataset(context, inputs[0]));
    return 0;
}

}  // namespace kohort::jobs

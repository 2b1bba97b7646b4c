#include "vector_input.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/progress.h"
#include "cluster/choose_clusters.h"
#include "cluster/row_set.h"
#include "cluster_choice.h"
#include "corpus/user_document.h"
#include "parallel/agreement.h"
#include "parallel/balanced_ranges.h"
#include "parallel/collectives.h"
#include "store/dataset_source.h"
#include "store/partition_file.h"

namespace kohort::jobs {
namespace {

class RunVectors : public VectorInput {
  public:
    RunVectors(parallel::Communicator& comm, const std::vector<std::int64_t>& counts, const std::filesystem::path& run)
        : VectorInput(comm, counts) {
        for (std::size_t i = 0; i < ranges().size(); ++i)
            parts_.push_back(run / "embedding" / store::partition_file_name(first_partition() + static_cast<std::int32_t>(i)));
        columns_ = parallel::all_max(comm, parts_.empty() ? 0 : part(0).columns());
    }
    std::string name() const override { return "the embedding"; }
    std::int64_t dimensions() const override { return columns_; }
    void read(std::size_t range, std::int64_t first, std::span<float> into) const override {
        part(range).read_rows(first, static_cast<std::int64_t>(into.size()) / columns_, into);
    }

  private:
    // One file is open at a time: a rank may have more of them than a process may open, and HDF5 keeps what it read of each.
    const store::MatrixSource& part(std::size_t range) const {
        if (!open_ || opened_ != range) {
            open_.reset();
            open_.emplace(store::DatasetRef{parts_[range], "/obsm/embedding"});
            opened_ = range;
        }
        return *open_;
    }

    std::vector<std::filesystem::path> parts_;
    mutable std::optional<store::MatrixSource> open_;
    mutable std::size_t opened_ = 0;
    std::int64_t columns_ = 0;
};

class DatasetVectors : public VectorInput {
  public:
    DatasetVectors(const parallel::Communicator& comm, const std::vector<std::int64_t>& counts, store::MatrixSource source, std::string name)
        : VectorInput(comm, counts), source_(std::move(source)), name_(std::move(name)) {}
    std::string name() const override { return name_; }
    std::int64_t dimensions() const override { return source_.columns(); }
    void read(std::size_t range, std::int64_t first, std::span<float> into) const override {
        source_.read_rows(ranges()[range].first_row + first, static_cast<std::int64_t>(into.size()) / dimensions(), into);
    }

  private:
    store::MatrixSource source_;
    std::string name_;
};

constexpr std::int64_t state_of_row = 40;                       // label, norm, bounds and results
constexpr std::int64_t balance_of_row = 160;                     // who may leave, and for where; a second assignment
constexpr std::int64_t reading = std::int64_t{64} << 20;         // what HDF5 keeps of an open file

// What k-means keeps besides the vectors, in bytes: the state of each row; the centroids in several forms, their sums, and
// what each worker changes of them; the candidates of the initialization.
std::int64_t state_bytes(std::int64_t rows, std::int64_t columns, std::int64_t clusters, int threads) {
    return rows * state_of_row + clusters * columns * (40 + 8 * threads + 100);
}

}  // namespace

VectorInput::VectorInput(const parallel::Communicator& comm, const std::vector<std::int64_t>& counts)
    : first_row_(counts.size() + 1) {
    std::partial_sum(counts.begin(), counts.end(), first_row_.begin() + 1);
    const auto mine = parallel::balanced_ranges(counts, comm.size())[static_cast<std::size_t>(comm.rank())];
    first_partition_ = static_cast<std::int32_t>(mine.first);
    for (auto p = static_cast<std::size_t>(mine.first); p < static_cast<std::size_t>(mine.last); ++p)
        ranges_.push_back({first_row_[p], counts[p]});
}

std::unique_ptr<VectorInput> run_vectors(JobContext& context, const std::filesystem::path& run) {
    return std::make_unique<RunVectors>(context.comm, corpus::read_corpus_info(run).users, run);
}

std::unique_ptr<VectorInput> dataset_vectors(JobContext& context, const std::string& name) {
    store::MatrixSource source(store::parse_dataset(name));
    if (source.rows() < 1 || source.columns() < 1)
        base::fail(base::ErrorKind::input, "{} is empty: a matrix of [{}, {}]", name, source.rows(), source.columns());
    if (source.columns() == 1 && context.is_root())
        base::log_warning("{}: {} of one number each; is it the matrix that you mean?", name, base::counted(source.rows(), "rows"));
    if (source.element_size() == sizeof(double)) base::log_info("{}: float64, rounded to float32", name);
    const auto partitions = corpus::partition_count(source.rows());
    std::vector<std::int64_t> counts(static_cast<std::size_t>(partitions));
    for (std::int64_t p = 0; p < partitions; ++p)
        counts[static_cast<std::size_t>(p)] = (p + 1) * source.rows() / partitions - p * source.rows() / partitions;
    return std::make_unique<DatasetVectors>(context.comm, counts, std::move(source), name);
}

std::vector<float> row_weights(JobContext& context, const VectorInput& input) {
    const auto& options = context.options;
    if (!options.names("weights") || options.text("weights").empty()) return {};
    const store::MatrixSource source(store::parse_dataset(options.text("weights")));
    if (source.columns() != 1 || source.rows() != input.rows())
        base::fail(base::ErrorKind::usage, "--weights {}: it is [{}, {}], and one number for each of {} rows is needed",
                   options.text("weights"), source.rows(), source.columns(), input.rows());
    std::vector<float> weights;
    for (const auto& range : input.ranges()) {
        const auto part = source.read_rows(range.first_row, range.rows);
        weights.insert(weights.end(), part.begin(), part.end());
    }
    parallel::agree(context.comm, [&] {
        std::size_t at = 0;
        for (const auto& range : input.ranges())
            for (std::int64_t row = range.first_row; row < range.first_row + range.rows; ++row, ++at)
                if (!(weights[at] >= 0 && std::isfinite(weights[at])))
                    base::fail(base::ErrorKind::input, "--weights {}: row {} (the first is 0) is {}; give weights of 0 and above",
                               options.text("weights"), row, weights[at]);
    });
    return weights;
}

std::optional<std::int64_t> parse_memory(const std::string& text) {
    if (text == "auto") return {};
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(end, text.data() + text.size());
    const int shift = unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : unit == "T" ? 40 : unit.empty() ? 0 : -1;
    if (error != std::errc() || shift < 0 || number < 1 || number > (std::int64_t{1} << (62 - shift)))
        base::fail(base::ErrorKind::usage, "--memory {}: give bytes with K, M, G or T behind, as in 4G, or auto", text);
    return number << shift;
}

bool choose_streaming(JobContext& context, const VectorInput& input, std::int64_t clusters, cluster::Initialization how) {
    const auto& wish = context.options.text("stream");
    const auto asked = parse_memory(context.options.text("memory"));
    std::int64_t local = 0;
    for (const auto& range : input.ranges()) local += range.rows;
    const std::int64_t row_bytes = input.dimensions() * static_cast<std::int64_t>(sizeof(float));
    const bool compares = clusters_asked(context.options).size() != 1;
    const std::int64_t copied = cluster::rows_copied(how, clusters, local, input.rows()) +
                                (compares ? std::min(cluster::most_compared_rows, input.rows()) : 0);
    const std::int64_t needed = base::peak_memory() + reading + state_bytes(local, input.dimensions(), clusters, context.threads) +
                                copied * (row_bytes + state_of_row) +
                                (context.options.real("balance") > 0 ? local * balance_of_row : 0);
    const std::int64_t cap =
        asked.value_or((base::available_memory() / 10) * 8 / context.comm.topology().local_size + base::peak_memory());
    const std::int64_t streaming = needed + cluster::RowSet::stream_bytes(input.dimensions());
    const std::int64_t short_of = parallel::all_max(context.comm, streaming - cap);
    const bool fits = parallel::all_max(context.comm, needed + local * row_bytes - cap) <= 0;
    parallel::agree(context.comm, [&] {
        if (asked && short_of > 0 && context.is_root())
            base::fail(base::ErrorKind::usage,
                       "--memory {}: k-means needs {} a rank for these vectors even when they are streamed; give that, or use "
                       "more ranks",
                       context.options.text("memory"), base::human_bytes(cap + short_of));
        if (asked && !fits && wish == "off" && context.is_root())
            base::fail(base::ErrorKind::usage, "--stream off: these vectors do not fit --memory {}; give more, or leave --stream off out",
                       context.options.text("memory"));
    });
    const bool streamed = wish == "on" || (wish == "auto" && !fits);
    if (streamed)
        base::log_info("cluster: vectors are read again in each pass (--stream {}, {} a rank)", wish, base::human_bytes(cap));
    return streamed;
}

}  // namespace kohort::jobs

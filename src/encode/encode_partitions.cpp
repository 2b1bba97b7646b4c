#include "encode/encode_partitions.h"

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stop_signal.h"
#include "base/worker_threads.h"
#include "encode/transform_fit.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"
#include "parallel/partition_queue.h"
#include "store/partition_file.h"

namespace kohort::encode {
namespace {


class PartitionEncoder {
  public:
    PartitionEncoder(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage, const store::StageKey& key,
                     std::int64_t dimension, const PartitionWork& work, const EncodeOptions& options)
        : comm_(comm),
          run_(run),
          stage_(stage),
          stage_name_(key.stage()),
          key_(key.hash()),
          dimension_(dimension),
          columns_(dimension),
          work_(work),
          options_(options),
          raw_(run.path(), key_) {}

    EncodeReport encode_all() {
        prepare_transform();
        base::Progress progress("encode", work_.rows, work_.rows_are, comm_.is_root());
        for_each_partition(progress, [&](std::int32_t partition) {
            const bool reused = stage_.reusable(embedding_path(partition));
            if (!reused) write_partition(partition);
            // From the file, so that a partition kept from an earlier run counts like a new one.
            std::lock_guard lock(mutex_);
            count_file(run_.path() / embedding_path(partition), report_);
            report_.partitions_reused += reused;
        });
        auto report = total_report();
        progress.set(report.users);
        progress.finish();
        if (transform_ && comm_.is_root()) raw_.remove();
        return report;
    }

  private:
    void for_each_partition(base::Progress& progress, const std::function<void(std::int32_t)>& work) {
        parallel::PartitionQueue queue(comm_, work_.order);
        std::atomic<bool> failed{false};
        base::run_workers(options_.threads, [&](int) {
            try {
                while (!failed) {
                    base::leave_if_stop_requested("encoding");
                    const auto partition = queue.claim();
                    if (!partition) return;
                    progress.set(work_.rows_before[static_cast<std::size_t>(*partition)]);
                    work(*partition);
                }
            } catch (...) {
                failed = true;
                throw;
            }
        });
    }

    // From an earlier run of this stage, from the file that was named, or fitted.
    void prepare_transform() {
        const auto& post = options_.post_processing;
        if (post.kind == PostProcess::none) return;
        columns_ = post.dimensions > 0 ? post.dimensions : dimension_;
        if (columns_ > dimension_)
            base::fail(base::ErrorKind::usage, "--dimensions {}: the model's vectors have {}", columns_, dimension_);
        transform_.emplace();
        int known = 0;
        parallel::agree(comm_, [&] {
            if (!comm_.is_root()) return;
            known = stage_.reusable(transform_path);
            if (known) *transform_ = read_transform(run_.path() / transform_path);
            else if (post.kind == PostProcess::file) *transform_ = read_transform(post.file);
            else raw_.make_folder();
        });
        parallel::broadcast(comm_, std::span(&known, 1));
        if (known || post.kind == PostProcess::file) broadcast_transform(comm_, *transform_);
        else fit();
        if (transform_->dimension() != dimension_)
            base::fail(base::ErrorKind::usage, "--post-process {}: it is for vectors of {}, and the model's have {}",
                       post.file.string(), transform_->dimension(), dimension_);
        columns_ = transform_->columns();
        if (comm_.is_root() && !known)
            stage_.add(transform_path, write_transform(run_.path() / transform_path, stage_name_, key_, *transform_));
    }

    void fit() {
        base::Progress progress("encode", work_.rows, work_.rows_are, comm_.is_root());
        for_each_partition(progress, [&](std::int32_t partition) {
            if (!raw_.read(partition))
                encode_timed(partition, [&](const auto& made) { raw_.write(partition, made, dimension_, options_); });
        });
        parallel::barrier(comm_);  // every rank's files are there
        progress.finish();
        const auto read = [&](std::int32_t partition) {
            auto made = raw_.read(partition);
            if (!made)
                base::fail(base::ErrorKind::environment,
                           "vectors of partition {} are gone from the run's checkpoint folder; run again with --resume",
                           partition);
            return std::move(made->vectors);
        };
        *transform_ =
            fit_transform(comm_, {dimension_, work_.order, read}, options_.post_processing.kind, columns_, options_.threads);
        base::log_info("encode: {} fitted on {} vectors of {}", name_of(options_.post_processing.kind),
                       base::human_count(transform_->rows), dimension_);
    }

    // Encodes a partition, gives it to `write`, and reports how long both took.
    void encode_timed(std::int32_t index, const std::function<void(EncodedPartition&)>& write) {
        const auto start = std::chrono::steady_clock::now();
        auto made = work_.encode(index);
        write(made);
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
        std::lock_guard lock(mutex_);
        report_.long_texts += made.long_texts;
        report_.events_without_time += made.events_without_time;
        if (options_.partition_written) options_.partition_written(index, taken.count());
    }

    void write_partition(std::int32_t index) {
        const auto write = [&](EncodedPartition& made) {
            const auto path = embedding_path(index);
            if (transform_) made.vectors = transform_->apply(made.vectors, options_.normalize);
            stage_.add(path, write_vectors(run_.path() / path, stage_name_, key_, made, columns_, options_));
        };
        auto kept = transform_ ? raw_.read(index) : std::nullopt;
        if (kept) write(*kept);
        else encode_timed(index, write);
    }

    EncodeReport total_report() {
        std::array<std::int64_t, 9> counts{report_.users,      report_.users_without_text, report_.texts,
                                           report_.tokens,     report_.long_texts,         report_.events_without_time,
                                           report_.rejected,   report_.partitions,         report_.partitions_reused};
        parallel::all_reduce(comm_, std::span<std::int64_t>(counts), parallel::ReduceOperation::sum);
        EncodeReport total{counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6],
                           report_.first_rejected, report_.rejected_because, counts[7], counts[8], columns_, {}};
        total.summary =
            fmt::format("{} {} as vectors of {}, from {} texts with {} tokens", base::human_count(total.users), work_.rows_are,
                        total.dimension, base::human_count(total.texts), base::human_count(total.tokens));
        if (total.users_without_text > 0)
            total.summary += fmt::format("; {} {} without text have the zero vector",
                                         base::human_count(total.users_without_text), work_.rows_are);
        if (total.long_texts > 0)
            total.summary += fmt::format("; {} texts of more than {} tokens were {}", base::human_count(total.long_texts),
                                         options_.texts.max_tokens,
                                         options_.texts.long_texts == LongTexts::cut ? "cut" : "split into windows");
        if (total.events_without_time > 0)
            total.summary += fmt::format("; {} events have no time, and --half-life does not change them",
                                         base::human_count(total.events_without_time));
        if (total.partitions_reused > 0)
            total.summary += fmt::format("; {} of {} partitions kept", total.partitions_reused, total.partitions);
        return total;
    }

    parallel::Communicator& comm_;
    const store::RunFolder& run_;
    store::Stage& stage_;
    const std::string stage_name_, key_;
    const std::int64_t dimension_;
    std::int64_t columns_;  // of the vectors that are written
    const PartitionWork& work_;
    const EncodeOptions& options_;
    const RawVectors raw_;
    std::optional<VectorTransform> transform_;
    std::mutex mutex_;
    EncodeReport report_;
};

}  // namespace

std::string embedding_path(std::int32_t partition) { return "embedding/" + store::partition_file_name(partition); }

EncodeReport encode_partitions(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage,
                               const store::StageKey& key, std::int64_t dimension, const PartitionWork& work,
                               const EncodeOptions& options) {
    return PartitionEncoder(comm, run, stage, key, dimension, work, options).encode_all();
}

}  // namespace kohort::encode

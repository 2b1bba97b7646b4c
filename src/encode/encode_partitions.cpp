#include "encode/encode_partitions.h"

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>

#include "base/error.h"
#include "base/progress.h"
#include "base/stop_signal.h"
#include "base/worker_threads.h"
#include "parallel/collectives.h"
#include "parallel/partition_queue.h"
#include "store/partition_file.h"

namespace kohort::encode {
namespace {

constexpr const char* dataset_name = "/obsm/embedding";

class PartitionEncoder {
  public:
    PartitionEncoder(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage, const store::StageKey& key,
                     std::int64_t dimension, const PartitionWork& work, const EncodeOptions& options)
        : comm_(comm), run_(run), stage_(stage), stage_name_(key.stage()), key_(key.hash()), dimension_(dimension), work_(work), options_(options) {}

    EncodeReport encode_all() {
        base::Progress progress("encode", work_.rows, work_.rows_are, comm_.is_root());
        parallel::PartitionQueue queue(comm_, work_.order);
        std::atomic<bool> failed{false};
        base::run_workers(options_.threads, [&](int) {
            try {
                while (!failed) {
                    base::leave_if_stop_requested("encoding");
                    const auto partition = queue.claim();
                    if (!partition) return;
                    progress.set(work_.rows_before[static_cast<std::size_t>(*partition)]);
                    if (!stage_.reusable(embedding_path(*partition))) write_partition(*partition);
                    count_partition(*partition);
                }
            } catch (...) {
                failed = true;
                throw;
            }
        });
        auto report = total_report();
        progress.set(report.users);
        progress.finish();
        return report;
    }

  private:
    void write_partition(std::int32_t index) {
        const auto start = std::chrono::steady_clock::now();
        const auto made = work_.encode(index);
        const auto path = embedding_path(index);
        store::PartitionWriter file(run_.path() / path, stage_name_, key_);
        file.write(dataset_name, std::span<const float>(made.vectors), {made.rows, dimension_}, store::Filter::none);
        file.set_attribute("/", "pooling", std::string(name_of(options_.texts.pooling)));
        file.set_attribute("/", "normalize", std::string(options_.normalize ? "true" : "false"));
        file.set_attribute("/", "precision", std::string(model::name_of(options_.texts.precision)));
        file.set_attribute("/", "max_tokens", options_.texts.max_tokens);
        file.set_attribute("/", "users_without_text", made.rows_without_text);
        file.set_attribute("/", "texts", made.texts);
        file.set_attribute("/", "tokens", made.tokens);
        stage_.add(path, file.commit());

        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
        std::lock_guard lock(mutex_);
        if (options_.partition_written) options_.partition_written(index, taken.count());
    }

    // From the file, so that a partition kept from an earlier run counts like a new one.
    void count_partition(std::int32_t index) {
        const store::PartitionReader file(run_.path() / embedding_path(index));
        std::lock_guard lock(mutex_);
        report_.users += file.shape(dataset_name)[0];
        report_.users_without_text += file.integer_attribute("/", "users_without_text");
        report_.texts += file.integer_attribute("/", "texts");
        report_.tokens += file.integer_attribute("/", "tokens");
        ++report_.partitions;
    }

    EncodeReport total_report() {
        std::array<std::int64_t, 6> counts{report_.users, report_.users_without_text, report_.texts,
                                           report_.tokens, report_.partitions, stage_.reused()};
        parallel::all_reduce(comm_, std::span<std::int64_t>(counts), parallel::ReduceOperation::sum);
        EncodeReport total{counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], dimension_, {}};
        total.summary = fmt::format("{} {} as vectors of {}, from {} texts with {} tokens", base::human_count(total.users),
                                    work_.rows_are, total.dimension, base::human_count(total.texts), base::human_count(total.tokens));
        if (total.users_without_text > 0)
            total.summary += fmt::format("; {} {} without text have the zero vector", base::human_count(total.users_without_text), work_.rows_are);
        if (total.partitions_reused > 0)
            total.summary += fmt::format("; {} of {} partitions kept", total.partitions_reused, total.partitions);
        return total;
    }

    parallel::Communicator& comm_;
    const store::RunFolder& run_;
    store::Stage& stage_;
    const std::string stage_name_, key_;
    const std::int64_t dimension_;
    const PartitionWork& work_;
    const EncodeOptions& options_;
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

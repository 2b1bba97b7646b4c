#include "encode/encode.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "base/progress.h"
#include "base/stop_signal.h"
#include "base/worker_threads.h"
#include "corpus/user_document.h"
#include "encode/user_pooling.h"
#include "parallel/collectives.h"
#include "parallel/partition_queue.h"
#include "store/partition_file.h"

namespace kohort::encode {
namespace {

constexpr const char* dataset_name = "/obsm/embedding";

std::string_view name_of(Pooling pooling) { return pooling == Pooling::cls ? "cls" : "mean"; }

// Partitions, those with the most text first (ties: the lower number), and the users before each in that order.
struct WorkOrder {
    std::vector<std::int32_t> partitions;
    std::vector<std::int64_t> users_before;  // [partition]

    explicit WorkOrder(const corpus::CorpusInfo& info) : partitions(static_cast<std::size_t>(info.partitions)) {
        std::iota(partitions.begin(), partitions.end(), 0);
        const auto bytes = [&](std::int32_t p) { return info.text_bytes[static_cast<std::size_t>(p)]; };
        std::stable_sort(partitions.begin(), partitions.end(), [&](auto a, auto b) { return bytes(a) > bytes(b); });
        users_before.resize(partitions.size());
        std::int64_t before = 0;
        for (const auto p : partitions) {
            users_before[static_cast<std::size_t>(p)] = before;
            before += info.users[static_cast<std::size_t>(p)];
        }
    }
};

class UserEncoder {
  public:
    UserEncoder(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage, const store::StageKey& key,
                const TextEncoder& encoder, const EncodeOptions& options)
        : comm_(comm), run_(run), stage_(stage), stage_name_(key.stage()), key_(key.hash()), encoder_(encoder), options_(options) {}

    EncodeReport encode_all() {
        const auto info = corpus::read_corpus_info(run_.path());
        const WorkOrder order(info);
        const auto users = std::accumulate(info.users.begin(), info.users.end(), std::int64_t{0});
        base::Progress progress("encode", users, "users", comm_.is_root());
        parallel::PartitionQueue queue(comm_, order.partitions);
        std::atomic<bool> failed{false};
        base::run_workers(options_.threads, [&](int) {
            try {
                while (!failed) {
                    base::leave_if_stop_requested("encoding");
                    const auto partition = queue.claim();
                    if (!partition) return;
                    progress.set(order.users_before[static_cast<std::size_t>(*partition)]);
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
        const auto partition = corpus::read_partition(run_.path(), index);
        const auto texts = collect_texts(partition);
        const auto encoded = encoder_.encode(texts.texts);
        const auto users = pool_users(texts, encoded.vectors, encoded.has_tokens, encoder_.dimension(), options_.normalize);

        const auto path = embedding_path(index);
        store::PartitionWriter file(run_.path() / path, stage_name_, key_);
        file.write(dataset_name, std::span<const float>(users.values),
                   {static_cast<std::int64_t>(partition.users.size()), encoder_.dimension()}, store::Filter::none);
        file.set_attribute("/", "pooling", std::string(name_of(options_.texts.pooling)));
        file.set_attribute("/", "normalize", std::string(options_.normalize ? "true" : "false"));
        file.set_attribute("/", "precision", std::string(model::name_of(options_.texts.precision)));
        file.set_attribute("/", "max_tokens", options_.texts.max_tokens);
        file.set_attribute("/", "users_without_text", users.users_without_text);
        file.set_attribute("/", "texts", static_cast<std::int64_t>(texts.texts.size()));
        file.set_attribute("/", "tokens", encoded.tokens);
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
        EncodeReport total{counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], encoder_.dimension(), {}};
        total.summary = fmt::format("{} users as vectors of {}, from {} texts with {} tokens", base::human_count(total.users),
                                    total.dimension, base::human_count(total.texts), base::human_count(total.tokens));
        if (total.users_without_text > 0)
            total.summary += fmt::format("; {} users without text have the zero vector", base::human_count(total.users_without_text));
        if (total.partitions_reused > 0)
            total.summary += fmt::format("; {} of {} partitions kept", total.partitions_reused, total.partitions);
        return total;
    }

    parallel::Communicator& comm_;
    const store::RunFolder& run_;
    store::Stage& stage_;
    const std::string stage_name_, key_;
    const TextEncoder& encoder_;
    const EncodeOptions& options_;
    std::mutex mutex_;
    EncodeReport report_;
};

}  // namespace

void add_to_key(store::StageKey& key, const EncodeOptions& options) {
    key.add("pooling", std::string(name_of(options.texts.pooling)));
    key.add("normalize", std::string(options.normalize ? "true" : "false"));
    key.add("max-tokens", options.texts.max_tokens);
    key.add("precision", std::string(model::name_of(options.texts.precision)));
    key.add("device", std::string(options.texts.device.cuda ? "cuda" : "cpu"));
    key.add("batch-tokens", options.texts.batch_tokens);
}

std::string embedding_path(std::int32_t partition) { return "embedding/" + store::partition_file_name(partition); }

EncodeReport encode_users(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage,
                          const store::StageKey& key, const model::Bert& bert, const text::Tokenizer& tokenizer,
                          const EncodeOptions& options) {
    model::keep_memory_between_batches();
    const TextEncoder encoder(bert, tokenizer, options.texts);
    return UserEncoder(comm, run, stage, key, encoder, options).encode_all();
}

}  // namespace kohort::encode

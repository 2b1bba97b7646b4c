#include "encode/encode.h"

#include <algorithm>
#include <numeric>

#include "corpus/user_document.h"
#include "encode/encode_partitions.h"
#include "encode/user_pooling.h"

namespace kohort::encode {
namespace {

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

}  // namespace

std::string_view name_of(Storage storage) { return storage == Storage::float16 ? "float16" : "float32"; }

void add_to_key(store::StageKey& key, const EncodeOptions& options) {
    key.add("pooling", std::string(name_of(options.texts.pooling)));
    key.add("normalize", std::string(options.normalize ? "true" : "false"));
    key.add("max-tokens", options.texts.max_tokens);
    key.add("precision", std::string(model::name_of(options.texts.precision)));
    key.add("device", std::string(options.texts.device.cuda ? "cuda" : "cpu"));
    key.add("batch-tokens", options.texts.batch_tokens);
    if (options.texts.long_texts == LongTexts::windows) {
        key.add("long-texts", std::string(name_of(options.texts.long_texts)));
        key.add("window-overlap", options.texts.window_overlap);
    }
    if (!options.weights.behaviors.empty()) key.add("behavior-weights", text_of(options.weights.behaviors));
    if (options.weights.half_life_days > 0) key.add("half-life", options.weights.half_life_days);
    const auto& post = options.post_processing;
    if (post.kind != PostProcess::none)
        key.add("post-process", post.kind == PostProcess::file ? "file " + post.file_sha256 : std::string(name_of(post.kind)));
    if (post.dimensions > 0) key.add("dimensions", post.dimensions);
    if (options.storage != Storage::float32) key.add("storage", std::string(name_of(options.storage)));
}

EncodeReport encode_users(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage,
                          const store::StageKey& key, const model::Encoder& model, const text::Tokenizer& tokenizer,
                          const EncodeOptions& options) {
    auto texts_options = options.texts;
    texts_options.unit = true;
    const TextEncoder encoder(model, &tokenizer, texts_options);
    const auto info = corpus::read_corpus_info(run.path());
    const WorkOrder order(info);
    if (comm.is_root()) warn_about_unknown_behaviors(options.weights, info.behaviors);
    const PartitionWork work = {
        order.partitions, order.users_before, std::accumulate(info.users.begin(), info.users.end(), std::int64_t{0}), "users",
        [&](std::int32_t index) {
            const auto partition = corpus::read_partition(run.path(), index);
            const auto texts = collect_texts(partition, options.weights);
            const auto encoded = encoder.encode(texts.texts);
            auto users = pool_users(texts, encoded.vectors, encoded.has_tokens, encoder.dimension(), options.normalize);
            const auto without_time = options.weights.half_life_days > 0 ? texts.events_without_time : 0;
            return EncodedPartition{std::move(users.values),
                                    static_cast<std::int64_t>(partition.users.size()),
                                    users.users_without_text,
                                    static_cast<std::int64_t>(texts.texts.size()),
                                    encoded.tokens,
                                    encoded.long_texts,
                                    without_time};
        }};
    return encode_partitions(comm, run, stage, key, encoder.dimension(), work, options);
}

}  // namespace kohort::encode

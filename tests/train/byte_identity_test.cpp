// The whole matrix: every objective in fp32 and in bf16, with dropout, in many micro-batches and in fewer than there are ranks,
// the optimizer's state shared and not, activations kept and computed again, at 1, 2, 3 and 4 ranks; and after a stop at any
// step, on another number of ranks with other savings. One digest each.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>

#include "base/hash.h"
#include "family_fixture.h"
#include "model/encoder.h"
#include "model/head.h"
#include "objective_fixture.h"
#include "parallel/thread_communicator.h"
#include "temporary_folder.h"

namespace kohort::train {
namespace {

// Of all weights, of encoder and head, as hex.
std::string train_on(const MadeCorpus& corpus, const TrainOptions& options, int ranks, const std::filesystem::path& run,
                     std::int64_t* resumed_at = nullptr) {
    std::string digest;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        const auto tokenizer = tokenizer_for(options.objective);
        const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                               *tokenizer, options.threads, 32, store_options(options));
        const auto encoder = model_for(options.objective, 2, 7);
        base::Metrics metrics;
        const TrainReport report = train(comm, store, *encoder, options, run, "key", metrics);
        auto parameters = encoder->parameters();
        if (report.head) parameters.insert(parameters.end(), report.head->parameters.begin(), report.head->parameters.end());
        base::Sha256 hash;
        for (const auto& [name, value] : parameters) {
            const auto tensor = value.detach().contiguous();
            hash.update({reinterpret_cast<const char*>(tensor.data_ptr<float>()), static_cast<std::size_t>(tensor.numel()) * sizeof(float)});
        }
        const std::lock_guard lock(mutex);
        const auto own = hash.hex();
        EXPECT_TRUE(digest.empty() || digest == own) << "ranks differ";
        digest = own;
        if (resumed_at) *resumed_at = report.resumed_at;
    });
    return digest;
}

std::string train_on(const MadeCorpus& corpus, const TrainOptions& options, int ranks) {
    const TemporaryFolder run;
    return train_on(corpus, options, ranks, run.path());
}

struct Kind {
    std::string name;
    std::function<void(TrainOptions&)> choose;
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class ByteIdentity : public testing::TestWithParam<std::tuple<Kind, model::Precision>> {
  protected:
    TrainOptions options() const {
        TrainOptions result = small_options();
        result.dropout = 0.1;
        result.precision = std::get<1>(GetParam());
        std::get<0>(GetParam()).choose(result);
        return result;
    }
    const MadeCorpus corpus_ = make_shop(60, 4);  // one of the partitions is empty
};

TEST_P(ByteIdentity, at_any_ranks_and_savings) {
    for (const std::int64_t micro_batch_tokens : {60, 100'000}) {  // so many: a single micro-batch
        auto chosen = options();
        chosen.micro_batch_tokens = micro_batch_tokens;
        const std::string one = train_on(corpus_, chosen, 1);
        for (const int ranks : {1, 2, 3, 4})
            for (const bool zero : {false, true})
                for (const bool again : {false, true}) {
                    chosen.zero = zero ? Choice::on : Choice::off;
                    chosen.activation_checkpointing = again;
                    chosen.threads = 1 + (ranks + zero + again) % 2;
                    EXPECT_EQ(train_on(corpus_, chosen, ranks), one)
                        << ranks << " ranks, ZeRO " << zero << ", activations again " << again << ", micro-batches of " << micro_batch_tokens;
                }
    }
}

TEST_P(ByteIdentity, after_a_stop_at_any_step_on_other_ranks) {
    auto chosen = options();
    const std::string whole = train_on(corpus_, chosen, 2);
    chosen.checkpoint_every = 0;  // before every step
    chosen.keep_checkpoints = 10;
    const TemporaryFolder run;
    ASSERT_EQ(train_on(corpus_, chosen, 3, run.path()), whole);
    for (std::int64_t step = chosen.steps; step >= 0; --step) {
        const TemporaryFolder copy;
        std::filesystem::copy(run.path(), copy.path(), std::filesystem::copy_options::recursive);
        chosen.zero = step % 2 == 0 ? Choice::on : Choice::off;
        chosen.activation_checkpointing = step % 3 == 0;
        std::int64_t resumed_at = -1;
        EXPECT_EQ(train_on(corpus_, chosen, 1 + static_cast<int>(step % 4), copy.path(), &resumed_at), whole) << step;
        EXPECT_EQ(resumed_at, step);
        std::filesystem::path newest;
        for (const auto& entry : std::filesystem::directory_iterator(run.path() / "checkpoint"))
            if (entry.path().extension() == ".checkpoint") newest = std::max(newest, entry.path());
        std::filesystem::remove(newest);
    }
}

void low_rank(TrainOptions& o) { o.lora = {4, 8, LoraTargets::all}; }

INSTANTIATE_TEST_SUITE_P(
    Trainer, ByteIdentity,
    testing::Combine(
        testing::Values(Kind{"contrastive_with_gradient_caching", [](TrainOptions& o) { o.gradient_caching = Choice::on; }},
                        Kind{"masked_language", [](TrainOptions& o) { o.objective = ObjectiveKind::masked_language; }},
                        Kind{"supervised", [](TrainOptions& o) { supervised(o, false); }},
                        Kind{"causal_language", [](TrainOptions& o) { o.objective = ObjectiveKind::causal_language; }},
                        Kind{"span_corruption", [](TrainOptions& o) { o.objective = ObjectiveKind::span_corruption; }},
                        Kind{"low_rank", [](TrainOptions& o) { low_rank(o); }},
                        Kind{"low_rank_causal", [](TrainOptions& o) { low_rank(o), o.objective = ObjectiveKind::causal_language; }},
                        Kind{"low_rank_supervised", [](TrainOptions& o) { low_rank(o), supervised(o, true); }}),
        testing::Values(model::Precision::fp32, model::Precision::bf16)),
    [](const auto& kind) { return std::get<0>(kind.param).name + "_" + std::string(model::name_of(std::get<1>(kind.param))); });

}  // namespace
}  // namespace kohort::train

// Whole trainings: the same bytes at any number of ranks and threads and after any stop, the right gradient, a loss
// that falls, and what happens when things go wrong.
#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <mutex>
#include <thread>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/stop_signal.h"
#include "corpus_fixture.h"
#include "model/encoder.h"
#include "model/pretrained.h"
#include "parallel/thread_communicator.h"
#include "small_model.h"
#include "temporary_folder.h"

namespace kohort::train {
namespace {

TrainOptions small_options(ObjectiveKind objective) {
    TrainOptions options;
    options.objective = objective;
    options.steps = 5;
    options.batch = 12;
    options.max_tokens = 10;
    options.micro_batch_tokens = 60;
    options.drop_tokens = 0.3;
    options.learning_rate = 5e-3;
    return options;
}

std::string digest_of(const model::Encoder& bert) {
    base::Sha256 hash;
    for (const auto& [name, value] : bert.parameters()) {
        const auto tensor = value.detach().contiguous();
        hash.update({reinterpret_cast<const char*>(tensor.data_ptr<float>()), static_cast<std::size_t>(tensor.numel()) * sizeof(float)});
    }
    return hash.hex();
}

struct Trained {
    std::string weights;
    TrainReport report;
};

// Trains a fresh model on `ranks` thread-ranks; all must end with the same weights. `before` changes it first.
Trained train_on(const MadeCorpus& corpus, TrainOptions options, int ranks, const std::filesystem::path& run,
                 const std::function<void(model::Encoder&)>& before = {}) {
    Trained trained;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        const LetterTokenizer tokenizer;
        const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                               tokenizer, options.threads, 32);
        const auto bert = model::make_model(small_config(2), 7);
        if (before) before(*bert);
        base::Metrics metrics;
        const TrainReport report = train(comm, store, *bert, options, run, "key", metrics);
        std::lock_guard lock(mutex);
        if (!trained.weights.empty()) {
            EXPECT_EQ(digest_of(*bert), trained.weights);
        }
        trained = {digest_of(*bert), report};
    });
    return trained;
}

Trained train_on(const MadeCorpus& corpus, const TrainOptions& options, int ranks) {
    const TemporaryFolder run;
    return train_on(corpus, options, ranks, run.path());
}

std::filesystem::path newest_checkpoint(const std::filesystem::path& run) {
    std::filesystem::path newest;
    std::error_code ignored;  // there may be none yet
    for (const auto& entry : std::filesystem::directory_iterator(run / "checkpoint", ignored))
        if (entry.path().extension() == ".checkpoint") newest = std::max(newest, entry.path());
    return newest;
}

struct Setting {
    std::string name;
    ObjectiveKind objective;
    double dropout;
    model::Precision precision;
    std::int64_t micro_batch_tokens;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

class SameBytes : public testing::TestWithParam<Setting> {};

TEST_P(SameBytes, at_any_number_of_ranks_and_threads) {
    const MadeCorpus corpus = make_corpus(40, 3);  // fewer partitions than ranks
    TrainOptions options = small_options(GetParam().objective);
    options.dropout = GetParam().dropout;
    options.precision = GetParam().precision;
    options.micro_batch_tokens = GetParam().micro_batch_tokens;
    const Trained one = train_on(corpus, options, 1);
    for (const int ranks : {1, 2, 3, 4, 5})
        for (const int threads : {1, 2}) {
            options.threads = threads;
            const Trained many = train_on(corpus, options, ranks);
            EXPECT_EQ(many.weights, one.weights) << ranks << " ranks, " << threads << " threads";
            EXPECT_EQ(many.report.loss, one.report.loss);
            EXPECT_EQ(many.report.tokens, one.report.tokens);
        }
}

INSTANTIATE_TEST_SUITE_P(
    Trainer, SameBytes,
    testing::Values(Setting{"contrastive", ObjectiveKind::contrastive, 0, model::Precision::fp32, 60},
                    Setting{"contrastive_with_dropout", ObjectiveKind::contrastive, 0.1, model::Precision::fp32, 60},
                    Setting{"contrastive_in_bf16", ObjectiveKind::contrastive, 0, model::Precision::bf16, 60},
                    Setting{"contrastive_in_one_micro_batch", ObjectiveKind::contrastive, 0, model::Precision::fp32, 100000},
                    Setting{"masked_language", ObjectiveKind::masked_language, 0, model::Precision::fp32, 40},
                    Setting{"masked_language_with_dropout", ObjectiveKind::masked_language, 0.1, model::Precision::fp32, 40},
                    Setting{"masked_language_in_bf16", ObjectiveKind::masked_language, 0, model::Precision::bf16, 40},
                    Setting{"masked_language_in_one_micro_batch", ObjectiveKind::masked_language, 0, model::Precision::fp32, 100000}),
    [](const auto& setting) { return setting.param.name; });

TEST(Trainer, what_saves_time_or_memory_changes_no_byte) {
    const MadeCorpus corpus = make_corpus(40, 3);
    const std::vector<std::pair<const char*, std::function<void(TrainOptions&)>>> changes{
        {"no overlap", [](TrainOptions& o) { o.reduction.overlap = false; }},
        {"activation checkpointing", [](TrainOptions& o) { o.activation_checkpointing = true; }},
        {"gradient caching", [](TrainOptions& o) { o.gradient_caching = Choice::on; }},
        {"no gradient caching", [](TrainOptions& o) { o.gradient_caching = Choice::off; }},
        {"both", [](TrainOptions& o) { o.activation_checkpointing = true, o.gradient_caching = Choice::on; }}};
    for (const auto objective : {ObjectiveKind::contrastive, ObjectiveKind::masked_language})
        for (const auto precision : {model::Precision::fp32, model::Precision::bf16}) {
            TrainOptions options = small_options(objective);
            options.dropout = 0.1;
            options.precision = precision;
            options.steps = 3;
            const Trained plain = train_on(corpus, options, 1);
            for (const auto& [name, change] : changes) {
                TrainOptions changed = options;
                change(changed);
                for (const int ranks : {1, 2, 3, 5}) EXPECT_EQ(train_on(corpus, changed, ranks).weights, plain.weights) << name << ", " << ranks << " ranks";
            }
        }
}

TEST(Trainer, fast_reduction_learns_as_exact_reduction_does) {
    const MadeCorpus corpus = make_corpus(150, 8);
    TrainOptions options = small_options(ObjectiveKind::masked_language);
    options.steps = 500;
    options.batch = 24;
    options.learning_rate = 1e-3;
    options.micro_batch_tokens = 0;
    // Where the curve ends, over as many steps as make a batch's own chance small.
    const auto end_of = [&](Reduction kind) {
        options.reduction.kind = kind;
        const auto loss = train_on(corpus, options, 2).report.loss;
        double sum = 0;
        for (std::size_t i = loss.size() - 20; i < loss.size(); ++i) sum += loss[i].second / 20;
        return sum;
    };
    const double exact = end_of(Reduction::exact);
    testing::internal::CaptureStderr();
    EXPECT_NEAR(end_of(Reduction::fast) / exact, 1, 1e-3);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("--reduction"), std::string::npos);
    EXPECT_EQ(log.find("--reduction"), log.rfind("--reduction")) << "once is enough";
    EXPECT_NEAR(end_of(Reduction::fast_bf16) / exact, 1, 1e-3);
}

TEST(Trainer, a_loss_that_runs_away_ends_the_job_and_keeps_the_checkpoint) {
    const MadeCorpus corpus = make_corpus(40, 3);
    TrainOptions options = small_options(ObjectiveKind::contrastive);
    options.checkpoint_every = 0;
    options.steps = 60;
    options.divergence = 1e-3;
    const TemporaryFolder run;
    try {
        train_on(corpus, options, 2, run.path());
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::internal);
        EXPECT_THAT(error.what(), testing::HasSubstr("diverges"));
    }
    EXPECT_FALSE(std::filesystem::is_empty(run.path() / "checkpoint"));
}

TEST(Trainer, metrics_say_what_a_step_used) {
    const MadeCorpus corpus = make_corpus(40, 3);
    TrainOptions options = small_options(ObjectiveKind::masked_language);
    options.measure_utilization = true;
    const TemporaryFolder run;
    parallel::run_thread_ranks(2, [&](parallel::Communicator& comm) {
        const LetterTokenizer tokenizer;
        const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; }, tokenizer, 1, 32);
        const auto bert = model::make_model(small_config(2), 7);
        base::Metrics metrics = comm.is_root() ? base::Metrics(run.path() / "metrics.jsonl") : base::Metrics();
        train(comm, store, *bert, options, run.path(), "key", metrics);
    });
    std::ifstream file(run.path() / "metrics.jsonl");
    std::int64_t steps = 0;
    for (std::string line; std::getline(file, line); ++steps)
        for (const char* name : {"tokens_per_second", "mfu", "memory", "communication_share", "hidden_share", "learning_rate", "loss"})
            EXPECT_THAT(line, testing::HasSubstr(fmt::format("\"{}\":", name)));
    EXPECT_EQ(steps, options.steps);
}

TEST(Trainer, every_choice_that_should_matter_matters) {
    const MadeCorpus corpus = make_corpus(40, 3);
    const TrainOptions options = small_options(ObjectiveKind::contrastive);
    const std::string weights = train_on(corpus, options, 1).weights;
    const auto differs = [&](auto change) {
        TrainOptions other = options;
        change(other);
        return train_on(corpus, other, 1).weights != weights;
    };
    EXPECT_TRUE(differs([](TrainOptions& o) { o.seed = 2; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.temperature = 0.2; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.drop_tokens = 0; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.dropout = 0.1; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.pooling = Pooling::cls; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.weight_decay = 0.5; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.side_events = 1; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.max_tokens = 6; }));
}

TEST(Trainer, the_loss_falls) {
    const MadeCorpus corpus = make_corpus(150, 8);
    for (const auto objective : {ObjectiveKind::contrastive, ObjectiveKind::masked_language}) {
        TrainOptions options = small_options(objective);
        options.steps = 60;
        options.batch = 32;
        options.micro_batch_tokens = 0;
        const auto loss = train_on(corpus, options, 2).report.loss;
        EXPECT_EQ(loss.front().first, 0);
        EXPECT_EQ(loss.back().first, 59);
        double last = 0;
        for (std::size_t i = loss.size() - 5; i < loss.size(); ++i) last += loss[i].second / 5;
        EXPECT_LT(last, loss.front().second - 0.2);
    }
}

// Stopped by request again and again, wherever it happens to be, and gone on with at other numbers of ranks.
TEST(Trainer, goes_on_after_stops_with_the_same_bytes) {
    const MadeCorpus corpus = make_corpus(40, 3);
    for (const auto objective : {ObjectiveKind::contrastive, ObjectiveKind::masked_language}) {
        TrainOptions options = small_options(objective);
        options.steps = 24;
        options.dropout = 0.1;
        const std::string uninterrupted = train_on(corpus, options, 2).weights;

        const TemporaryFolder run;
        options.checkpoint_every = 0;  // before every step
        std::int64_t stops = 0;
        for (const int ranks : {3, 1, 4, 2}) {
            std::jthread stopper([&](const std::stop_token& end) {
                const auto seen = newest_checkpoint(run.path());
                while (!end.stop_requested() && newest_checkpoint(run.path()) <= seen) std::this_thread::yield();
                base::request_stop();
            });
            try {
                train_on(corpus, options, ranks, run.path());
            } catch (const base::Error& error) {
                EXPECT_EQ(error.kind(), base::ErrorKind::stopped);
                ++stops;
            }
            stopper.request_stop();
            stopper.join();
            base::clear_stop_request();
        }
        EXPECT_GE(stops, 1);
        EXPECT_EQ(train_on(corpus, options, 3, run.path()).weights, uninterrupted);
    }
}

// As a kill leaves things: with the checkpoints of some step. The folder of a whole training is cut back to each.
TEST(Trainer, goes_on_from_any_checkpoint_with_the_same_bytes) {
    const MadeCorpus corpus = make_corpus(40, 3);
    TrainOptions options = small_options(ObjectiveKind::contrastive);
    options.steps = 6;
    const Trained whole = train_on(corpus, options, 2);
    const std::string uninterrupted = whole.weights;
    options.checkpoint_every = 0;
    const TemporaryFolder run;
    ASSERT_EQ(train_on(corpus, options, 3, run.path()).weights, uninterrupted);
    const Trained resumed = train_on(corpus, options, 2, run.path());
    EXPECT_EQ(resumed.weights, uninterrupted);
    EXPECT_EQ(resumed.report.loss, whole.report.loss) << "the curve of the whole training is part of the result";
    EXPECT_EQ(resumed.report.resumed_at, 5);

    // The newest one is damaged: named, and the one before it gives the same weights.
    const auto newest = newest_checkpoint(run.path());
    std::string bytes = base::read_file(newest);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    std::ofstream(newest, std::ios::binary) << bytes;
    testing::internal::CaptureStderr();
    const Trained older = train_on(corpus, options, 4, run.path());
    EXPECT_NE(testing::internal::GetCapturedStderr().find(newest.filename().string()), std::string::npos);
    EXPECT_EQ(older.weights, uninterrupted);
    EXPECT_EQ(older.report.resumed_at, 4);
}

TEST(Trainer, a_weight_that_is_no_number_ends_the_job_and_keeps_the_checkpoint) {
    const MadeCorpus corpus = make_corpus(40, 3);
    TrainOptions options = small_options(ObjectiveKind::contrastive);
    options.checkpoint_every = 0;
    const TemporaryFolder run;
    const auto poison = [](model::Encoder& bert) {
        const torch::NoGradGuard no_grad;
        torch::Tensor(bert.parameters().back().value).fill_(std::numeric_limits<float>::quiet_NaN());
    };
    try {
        train_on(corpus, options, 3, run.path(), poison);
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::internal);
        EXPECT_THAT(error.what(), testing::HasSubstr("step 0"));
    }
    EXPECT_FALSE(std::filesystem::is_empty(run.path() / "checkpoint"));
}

TEST(Trainer, a_corpus_without_pairs_is_refused) {
    MadeCorpus corpus;
    corpus.info.partitions = 1;
    corpus.info.text_bytes = {1};
    corpus.partitions.resize(1);
    corpus.partitions[0].users = {{"a", {{0, 0, "", "x"}, {0, 0, "", "y"}}}, {"b", {{0, 0, "", "y"}}}};
    try {
        train_on(corpus, small_options(ObjectiveKind::contrastive), 2);
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::input);
        EXPECT_THAT(error.what(), testing::HasSubstr("1 of 2 users"));
    }
}

TEST(Trainer, settings_that_do_not_fit_the_model_are_refused) {
    const MadeCorpus corpus = make_corpus(20, 2);
    TrainOptions options = small_options(ObjectiveKind::contrastive);
    options.max_tokens = 17;  // the model has 16 positions
    EXPECT_THROW(train_on(corpus, options, 1), base::Error);
}

}  // namespace
}  // namespace kohort::train

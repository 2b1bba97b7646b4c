// Whole trainings: the same bytes at any number of ranks and threads and after any stop, the right gradient, a loss
// that falls, and what happens when things go wrong.
#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <mutex>
#include <thread>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/stop_signal.h"
#include "corpus_fixture.h"
#include "family_fixture.h"
#include "model/encoder.h"
#include "model/head.h"
#include "parallel/thread_communicator.h"
#include "temporary_folder.h"
#include "train/objective.h"

namespace kohort::train {
namespace {

constexpr ObjectiveKind every_objective[] = {ObjectiveKind::contrastive, ObjectiveKind::masked_language,
                                             ObjectiveKind::causal_language, ObjectiveKind::span_corruption};

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

// Of the encoder, and of the head that was trained with it.
std::string digest_of(const model::Encoder& encoder, const TrainReport& report) {
    base::Sha256 hash;
    auto parameters = encoder.parameters();
    if (report.head) parameters.insert(parameters.end(), report.head->parameters.begin(), report.head->parameters.end());
    for (const auto& [name, value] : parameters) {
        const auto tensor = value.detach().contiguous();
        hash.update({reinterpret_cast<const char*>(tensor.data_ptr<float>()), static_cast<std::size_t>(tensor.numel()) * sizeof(float)});
    }
    return hash.hex();
}

struct Trained {
    std::string weights;
    TrainReport report;
};

using ModelMaker = std::function<std::shared_ptr<model::Encoder>()>;

// Trains a fresh model on `ranks` thread-ranks; all must end with the same weights. `before` changes it first; `make` makes
// another than the objective's own.
Trained train_on(const MadeCorpus& corpus, TrainOptions options, int ranks, const std::filesystem::path& run,
                 const std::function<void(model::Encoder&)>& before = {}, const ModelMaker& make = {}) {
    Trained trained;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        const auto tokenizer = tokenizer_for(options.objective);
        const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                               *tokenizer, options.threads, 32);
        const auto encoder = make ? make() : model_for(options.objective, 2, 7);
        if (before) before(*encoder);
        base::Metrics metrics;
        const TrainReport report = train(comm, store, *encoder, options, run, "key", metrics);
        std::lock_guard lock(mutex);
        if (!trained.weights.empty()) {
            EXPECT_EQ(digest_of(*encoder, report), trained.weights);
        }
        trained = {digest_of(*encoder, report), report};
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
            options.zero = threads == 1 ? Choice::on : Choice::off;
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
                    Setting{"contrastive_bf16_at_once", ObjectiveKind::contrastive, 0.1, model::Precision::bf16, 9999},
                    Setting{"masked_language", ObjectiveKind::masked_language, 0, model::Precision::fp32, 40},
                    Setting{"masked_language_with_dropout", ObjectiveKind::masked_language, 0.1, model::Precision::fp32, 40},
                    Setting{"masked_language_in_bf16", ObjectiveKind::masked_language, 0, model::Precision::bf16, 40},
                    Setting{"masked_language_in_one_micro_batch", ObjectiveKind::masked_language, 0, model::Precision::fp32, 100000},
                    Setting{"masked_language_bf16_at_once", ObjectiveKind::masked_language, 0.1, model::Precision::bf16, 9999},
                    Setting{"causal_language", ObjectiveKind::causal_language, 0, model::Precision::fp32, 40},
                    Setting{"causal_language_with_dropout", ObjectiveKind::causal_language, 0.1, model::Precision::fp32, 40},
                    Setting{"causal_language_in_bf16", ObjectiveKind::causal_language, 0.1, model::Precision::bf16, 40},
                    Setting{"causal_language_bf16_at_once", ObjectiveKind::causal_language, 0.1, model::Precision::bf16, 9999},
                    Setting{"span_corruption", ObjectiveKind::span_corruption, 0, model::Precision::fp32, 40},
                    Setting{"span_corruption_with_dropout", ObjectiveKind::span_corruption, 0.1, model::Precision::fp32, 40},
                    Setting{"span_corruption_in_bf16", ObjectiveKind::span_corruption, 0.1, model::Precision::bf16, 40},
                    Setting{"span_corruption_bf16_at_once", ObjectiveKind::span_corruption, 0.1, model::Precision::bf16, 9999}),
    [](const auto& setting) { return setting.param.name; });

TEST(Trainer, what_saves_time_or_memory_changes_no_byte) {
    const MadeCorpus corpus = make_corpus(40, 3);
    using Change = std::pair<const char*, std::function<void(TrainOptions&)>>;
    const std::vector<Change> of_all{{"no overlap", [](TrainOptions& o) { o.reduction.overlap = false; }},
                                     {"activation checkpointing", [](TrainOptions& o) { o.activation_checkpointing = true; }}};
    const std::vector<Change> of_pairs{
        {"gradient caching", [](TrainOptions& o) { o.gradient_caching = Choice::on; }},
        {"no gradient caching", [](TrainOptions& o) { o.gradient_caching = Choice::off; }},
        {"both", [](TrainOptions& o) { o.activation_checkpointing = true, o.gradient_caching = Choice::on; }}};
    for (const auto objective : every_objective)
        for (const auto precision : {model::Precision::fp32, model::Precision::bf16}) {
            TrainOptions options = small_options(objective);
            options.dropout = 0.1;
            options.precision = precision;
            options.steps = 3;
            const Trained plain = train_on(corpus, options, 1);
            auto changes = of_all;
            if (objective == ObjectiveKind::contrastive) changes.insert(changes.end(), of_pairs.begin(), of_pairs.end());
            for (const auto& [name, change] : changes) {
                TrainOptions changed = options;
                change(changed);
                for (const int ranks : {1, 2, 3, 4})
                    EXPECT_EQ(train_on(corpus, changed, ranks).weights, plain.weights) << name << ", " << ranks << " ranks";
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
    EXPECT_TRUE(differs([](TrainOptions& o) { o.schedule = ScheduleShape::cosine; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.schedule = ScheduleShape::wsd; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.final_rate = 0.5; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.layer_decay = 0.5; }));
    EXPECT_TRUE(differs([](TrainOptions& o) { o.held_out = 0.3; }));
    EXPECT_FALSE(differs([](TrainOptions& o) { o.keep_checkpoints = 7; }));
}

TEST(Trainer, the_loss_falls) {
    const MadeCorpus corpus = make_corpus(150, 8);
    for (const auto objective : every_objective) {
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
    for (const auto objective : every_objective) {
        TrainOptions options = small_options(objective);
        options.steps = 24;
        options.dropout = 0.1;
        options.held_out = 0.2;
        options.evaluate_every = 3;
        options.patience = 0;
        const std::string uninterrupted = train_on(corpus, options, 2).weights;

        const TemporaryFolder run;
        options.checkpoint_every = 0;  // before every step
        std::int64_t stops = 0;
        for (const int ranks : {3, 1, 4, 2}) {
            options.zero = ranks % 2 == 0 ? Choice::on : Choice::off;
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
    options.held_out = 0.2;
    options.evaluate_every = 2;
    const Trained whole = train_on(corpus, options, 2);
    options.checkpoint_every = 0;
    options.keep_checkpoints = 10;
    options.zero = Choice::on;
    const TemporaryFolder run;
    ASSERT_EQ(train_on(corpus, options, 3, run.path()).weights, whole.weights);
    std::int64_t step = 6;
    for (; !newest_checkpoint(run.path()).empty(); --step) {
        const TemporaryFolder copy;
        std::filesystem::copy(run.path(), copy.path(), std::filesystem::copy_options::recursive);
        options.zero = step % 2 == 0 ? Choice::on : Choice::off;
        const Trained resumed = train_on(corpus, options, 1 + static_cast<int>(step % 5), copy.path());
        EXPECT_EQ(resumed.weights, whole.weights) << step;
        EXPECT_EQ(resumed.report.loss, whole.report.loss) << "the curve of the whole training is part of the result";
        EXPECT_EQ(resumed.report.held_out_loss, whole.report.held_out_loss);
        EXPECT_EQ(resumed.report.best_step, whole.report.best_step);
        EXPECT_EQ(resumed.report.resumed_at, step);
        std::filesystem::remove(newest_checkpoint(run.path()));
    }
    EXPECT_EQ(step, -1) << "there was a checkpoint before every step, and one at the end";
}

TEST(Trainer, goes_on_from_the_checkpoint_before_a_damaged_one) {
    const MadeCorpus corpus = make_corpus(40, 3);
    TrainOptions options = small_options(ObjectiveKind::contrastive);
    options.checkpoint_every = 0;
    const TemporaryFolder run;
    const Trained whole = train_on(corpus, options, 3, run.path());
    const auto newest = newest_checkpoint(run.path());
    for (const std::string& file : {newest.filename().string(), newest.stem().string() + ".part-00001-of-00003"}) {
        const TemporaryFolder copy;
        std::filesystem::copy(run.path(), copy.path(), std::filesystem::copy_options::recursive);
        std::string bytes = base::read_file(copy.path() / "checkpoint" / file);
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
        std::ofstream(copy.path() / "checkpoint" / file, std::ios::binary) << bytes;
        testing::internal::CaptureStderr();
        const Trained older = train_on(corpus, options, 4, copy.path());
        EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr(file));
        EXPECT_EQ(older.weights, whole.weights);
        EXPECT_EQ(older.report.resumed_at, 4);
        EXPECT_EQ(train_on(corpus, options, 2, copy.path()).report.resumed_at, 5) << "the damaged one was replaced";
    }
}

// The learning rate is beyond all reason, so that weights soon are no numbers.
TEST(Trainer, a_gradient_that_is_no_number_ends_the_job_and_keeps_the_last_checkpoint) {
    const MadeCorpus corpus = make_corpus(40, 3);
    TrainOptions options = small_options(ObjectiveKind::contrastive);
    options.steps = 20;
    options.checkpoint_every = 0;
    options.learning_rate = 1e30;
    const TemporaryFolder run;
    try {
        train_on(corpus, options, 3, run.path());
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::internal);
        EXPECT_THAT(error.what(), testing::HasSubstr(" step "));
    }
    EXPECT_FALSE(newest_checkpoint(run.path()).empty());
}

TEST(Trainer, keeps_the_weights_of_the_lowest_held_out_loss) {
    const MadeCorpus corpus = make_corpus(60, 4);
    for (const auto objective : {ObjectiveKind::contrastive, ObjectiveKind::masked_language}) {
        TrainOptions options = small_options(objective);
        options.final_rate = 1;  // the same rate at every step, so that a shorter training is the beginning of a longer one
        options.warmup = 0;
        options.learning_rate = 0.3;
        options.held_out = 0.3;
        options.evaluate_every = 1;
        options.steps = 20;
        options.patience = 3;
        const Trained one = train_on(corpus, options, 1);
        EXPECT_LT(one.report.steps, 20) << "the loss on others should have risen at such a rate";
        EXPECT_EQ(one.report.steps, one.report.best_step + 3);
        EXPECT_EQ(std::ssize(one.report.held_out_loss), one.report.steps);
        for (const int ranks : {2, 3, 5}) {
            options.zero = Choice::on;
            const Trained many = train_on(corpus, options, ranks);
            EXPECT_EQ(many.weights, one.weights);
            EXPECT_EQ(many.report.held_out_loss, one.report.held_out_loss) << ranks;
        }
        options.steps = one.report.best_step;
        options.evaluate_every = 1000;  // at the end alone
        EXPECT_EQ(train_on(corpus, options, 2).weights, one.weights);
        options.steps = 20;
        options.patience = 0;
        options.evaluate_every = 1;
        EXPECT_EQ(train_on(corpus, options, 2).report.steps, 20);
    }
}

// Without learning the loss on held-out users stays what it is, and dropout is for training.
TEST(Trainer, evaluates_on_the_same_draws_each_time) {
    const MadeCorpus corpus = make_corpus(60, 4);
    for (const auto objective : {ObjectiveKind::contrastive, ObjectiveKind::masked_language}) {
        TrainOptions options = small_options(objective);
        options.learning_rate = 0;
        options.held_out = 0.3;
        options.evaluate_every = 1;
        options.patience = 0;
        const auto loss = train_on(corpus, options, 2).report.held_out_loss;
        ASSERT_EQ(loss.size(), 5U);
        for (const auto& [step, value] : loss) EXPECT_EQ(value, loss[0].second) << step;
        options.dropout = 0.4;
        EXPECT_EQ(train_on(corpus, options, 1).report.held_out_loss, loss);
        EXPECT_NE(train_on(corpus, options, 1).report.loss[0].second, loss[0].second);
    }
}

TEST(Trainer, a_share_that_holds_out_too_few_users_or_leaves_too_few_is_refused) {
    const MadeCorpus corpus = make_corpus(40, 3);
    for (const double share : {1e-9, 1.0}) {
        TrainOptions options = small_options(ObjectiveKind::contrastive);
        options.held_out = share;
        try {
            train_on(corpus, options, 2);
            FAIL() << "no error";
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::usage);
            EXPECT_THAT(error.what(), testing::HasSubstr("--held-out"));
        }
    }
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

TEST(Trainer, language_models_need_no_pairs) {
    MadeCorpus corpus;
    corpus.info.partitions = 1;
    corpus.info.text_bytes = {2};
    corpus.partitions.resize(1);
    corpus.partitions[0].users = {{"a", {{0, 0, "", "abcdef"}}}, {"b", {{0, 0, "", "fedcba"}}}};  // a text each
    for (const auto objective : {ObjectiveKind::masked_language, ObjectiveKind::causal_language, ObjectiveKind::span_corruption}) {
        TrainOptions options = small_options(objective);
        options.batch = 2;
        options.steps = 2;
        EXPECT_EQ(train_on(corpus, options, 2).report.steps, 2);
    }
}

TEST(Trainer, pairs_train_a_model_of_any_family_with_any_pooling) {
    const MadeCorpus corpus = make_corpus(40, 3);
    for (const char* family : {"bert", "gpt2", "t5"}) {
        const ModelMaker make = [&] { return model::make_model(small_new_model(family, 1), 7); };
        std::vector<std::string> weights;
        for (const auto pooling : {Pooling::mean, Pooling::cls, Pooling::last}) {
            TrainOptions options = small_options(ObjectiveKind::contrastive);
            options.steps = 2;
            options.dropout = 0.1;
            options.pooling = pooling;
            const TemporaryFolder one, three;
            weights.push_back(train_on(corpus, options, 1, one.path(), {}, make).weights);
            EXPECT_EQ(train_on(corpus, options, 3, three.path(), {}, make).weights, weights.back()) << family;
        }
        EXPECT_NE(weights[0], weights[1]) << family;
        EXPECT_NE(weights[0], weights[2]) << family;
        EXPECT_NE(weights[1], weights[2]) << family;
    }
}

TEST(Trainer, a_head_that_lies_beside_the_model_is_trained_further) {
    const MadeCorpus corpus = make_corpus(40, 3);
    for (const auto objective : {ObjectiveKind::masked_language, ObjectiveKind::causal_language, ObjectiveKind::span_corruption}) {
        TrainOptions options = small_options(objective);
        options.steps = 3;
        const TemporaryFolder first, folder, again, fresh;
        const auto encoder = model_for(objective, 2, 7);
        parallel::run_thread_ranks(1, [&](parallel::Communicator& comm) {
            const auto tokenizer = tokenizer_for(objective);
            const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; }, *tokenizer, 1, 32);
            base::Metrics metrics;
            const auto report = train(comm, store, *encoder, options, first.path(), "key", metrics);
            ASSERT_TRUE(report.head);
            model::save_model(folder.path(), *encoder, report.head.get());
        });
        const ModelMaker load = [&] { return model::load_encoder(folder.path(), false); };
        options.steps = 1;
        options.learning_rate = 0;
        options.start = folder.path();
        const Trained further = train_on(corpus, options, 2, again.path(), {}, load);
        const auto found = model::load_encoder(folder.path(), false);
        EXPECT_EQ(further.weights, train_on(corpus, options, 1, fresh.path(), {}, load).weights);
        options.start.clear();
        const TemporaryFolder other;
        const Trained without = train_on(corpus, options, 2, other.path(), {}, load);
        const bool head = objective != ObjectiveKind::causal_language;  // GPT-2 has none of its own
        EXPECT_EQ(further.weights != without.weights, head);
        if (head) {
            EXPECT_LT(further.report.loss.front().second, without.report.loss.front().second);
        }
    }
}

TEST(Trainer, objectives_and_models_that_do_not_fit_are_refused) {
    const MadeCorpus corpus = make_corpus(20, 2);
    const auto refusal = [&](ObjectiveKind objective, const ModelMaker& make) -> std::string {
        const TemporaryFolder run;
        try {
            train_on(corpus, small_options(objective), 2, run.path(), {}, make);
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::usage);
            return error.what();
        }
        return "no refusal";
    };
    const ModelMaker bert = [] { return model::make_model(small_new_model("bert", 1), 1); };
    EXPECT_THAT(refusal(ObjectiveKind::causal_language, bert), testing::HasSubstr("trains a gpt2"));
    EXPECT_THAT(refusal(ObjectiveKind::span_corruption, bert), testing::HasSubstr("trains a t5"));
    EXPECT_THAT(refusal(ObjectiveKind::masked_language, [] { return model::make_model(small_new_model("t5", 1), 1); }),
                testing::HasSubstr("BERT's kind"));
}

TEST(Trainer, a_tokenizer_without_sentinels_trains_no_t5) {
    const LetterTokenizer letters;
    const auto marks = text::find_text_marks(letters);
    EXPECT_THROW(make_span_corruption_objective({}, {}, letters.special(), marks), base::Error);
    EXPECT_THROW(make_causal_language_objective({}, {}, letters.special(), {}), base::Error);
    EXPECT_NO_THROW(make_causal_language_objective({}, {}, letters.special(), marks));
}

TEST(Trainer, settings_that_do_not_fit_the_model_are_refused) {
    const MadeCorpus corpus = make_corpus(20, 2);
    TrainOptions options = small_options(ObjectiveKind::contrastive);
    options.max_tokens = 17;  // the model has 16 positions
    EXPECT_THROW(train_on(corpus, options, 1), base::Error);
}

}  // namespace
}  // namespace kohort::train

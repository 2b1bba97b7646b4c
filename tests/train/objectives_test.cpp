// Each kind of pair, labels, whole words and adapters: the same bytes at any number of ranks, and samples that come once an
// epoch, whoever owns them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "model/encoder.h"
#include "model/head.h"
#include "model/pretrained.h"
#include "objective_fixture.h"
#include "parallel/thread_communicator.h"
#include "small_model.h"
#include "temporary_folder.h"
#include "train/objective.h"
#include "train/trainer.h"

namespace kohort::train {
namespace {

std::string digest_of(const std::vector<model::Parameter>& parameters) {
    base::Sha256 hash;
    for (const auto& [name, value] : parameters) {
        const auto tensor = value.detach().contiguous();
        hash.update({reinterpret_cast<const char*>(tensor.data_ptr<float>()), static_cast<std::size_t>(tensor.numel()) * sizeof(float)});
    }
    return hash.hex();
}

struct Trained {
    std::string weights, head;
    TrainReport report;
};

Trained train_on(const MadeCorpus& corpus, const TrainOptions& options, int ranks) {
    const TemporaryFolder run;
    Trained trained;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                               LetterTokenizer(), options.threads, 32, store_options(options));
        auto config = small_config(2);
        config.initializer_range = 0.1;
        const auto bert = model::make_model(config, 7);
        base::Metrics metrics;
        const TrainReport report = train(comm, store, *bert, options, run.path(), "key", metrics);
        std::lock_guard lock(mutex);
        const Trained own{digest_of(bert->parameters()), report.head ? digest_of(report.head->parameters) : "", report};
        if (!trained.weights.empty()) {
            EXPECT_EQ(own.weights, trained.weights);
            EXPECT_EQ(own.head, trained.head);
        }
        trained = own;
    });
    return trained;
}

struct Setting {
    std::string name;
    std::function<void(TrainOptions&)> choose;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

class ObjectivesSameBytes : public testing::TestWithParam<Setting> {};

TEST_P(ObjectivesSameBytes, at_any_number_of_ranks_and_threads) {
    const MadeCorpus corpus = make_shop(60, 4);  // fewer partitions than ranks, and an empty one
    TrainOptions options = small_options();
    GetParam().choose(options);
    const Trained one = train_on(corpus, options, 1);
    for (const int ranks : {1, 2, 3, 4, 5}) {
        options.threads = ranks % 2 + 1;
        const Trained many = train_on(corpus, options, ranks);
        EXPECT_EQ(many.weights, one.weights) << ranks;
        EXPECT_EQ(many.head, one.head) << ranks;
        EXPECT_EQ(many.report.loss, one.report.loss) << ranks;
    }
    // What saves memory, all at once.
    options.gradient_caching = Choice::on;
    options.activation_checkpointing = true;
    options.zero = Choice::on;
    const Trained small = train_on(corpus, options, 3);
    EXPECT_EQ(small.weights, one.weights);
    EXPECT_EQ(small.head, one.head);
    EXPECT_EQ(small.report.loss, one.report.loss);
}

void low_rank(TrainOptions& o) { o.lora = {4, 8, LoraTargets::all}; }
void noisy_bf16(TrainOptions& o) {
    o.dropout = 0.1;
    o.precision = model::Precision::bf16;
}
void one_micro_batch(TrainOptions& o) { o.micro_batch_tokens = 100000; }  // so that most ranks have none

INSTANTIATE_TEST_SUITE_P(
    Trainer, ObjectivesSameBytes,
    testing::Values(
        Setting{"events", [](TrainOptions& o) { o.pairs = PairKind::events; }},
        Setting{"rest", [](TrainOptions& o) { o.pairs = PairKind::rest; noisy_bf16(o); }},
        Setting{"rest_and_what_was_left_out", [](TrainOptions& o) { o.pairs = PairKind::rest; o.drop_tokens = 0.5; o.left_out_weight = 0.3; }},
        Setting{"query_item", [](TrainOptions& o) { o.pairs = PairKind::query_item; }},
        Setting{"query_item_with_a_margin", [](TrainOptions& o) { o.pairs = PairKind::query_item; o.false_negative_margin = 0; }},
        Setting{"title_category", [](TrainOptions& o) { o.pairs = PairKind::title_category; noisy_bf16(o); }},
        Setting{"dropout", [](TrainOptions& o) { o.pairs = PairKind::dropout; o.dropout = 0.1; }},
        Setting{"dropout_in_bf16", [](TrainOptions& o) { o.pairs = PairKind::dropout; noisy_bf16(o); }},
        Setting{"whole_words", [](TrainOptions& o) { o.objective = ObjectiveKind::masked_language; o.dropout = 0.1; }},
        Setting{"supervised", [](TrainOptions& o) { supervised(o, false); }},
        Setting{"supervised_in_bf16", [](TrainOptions& o) { supervised(o, false); noisy_bf16(o); }},
        Setting{"supervised_in_one_batch", [](TrainOptions& o) { supervised(o, true); noisy_bf16(o); one_micro_batch(o); }},
        Setting{"supervised_with_several_labels", [](TrainOptions& o) { supervised(o, true); o.dropout = 0.1; }},
        Setting{"low_rank", [](TrainOptions& o) { low_rank(o); }},
        Setting{"low_rank_in_bf16", [](TrainOptions& o) { low_rank(o); noisy_bf16(o); }},
        Setting{"low_rank_in_one_batch", [](TrainOptions& o) { low_rank(o); noisy_bf16(o); one_micro_batch(o); }},
        Setting{"low_rank_masked_language", [](TrainOptions& o) { low_rank(o); o.objective = ObjectiveKind::masked_language; o.dropout = 0.1; }},
        Setting{"low_rank_supervised", [](TrainOptions& o) { low_rank(o); supervised(o, true); noisy_bf16(o); }}),
    [](const auto& setting) { return setting.param.name; });

TEST(Objectives, what_was_left_out_counts_by_its_weight_and_is_learned) {
    const MadeCorpus corpus = make_shop(60, 4);
    TrainOptions options = small_options();
    options.pairs = PairKind::rest;
    options.steps = 30;
    const auto losses = [&](double weight) {
        options.left_out_weight = weight;
        const auto points = train_on(corpus, options, 1).report.loss;
        return std::pair(points.front().second, points.back().second);
    };
    const auto [one, one_learned] = losses(1);
    const double two = losses(2).first, three = losses(3).first;
    EXPECT_NEAR(three - two, two - one, 1e-5 * three) << "before anything is learned the loss is a line in the weight";
    EXPECT_GT(two - one, 0.5) << "a text among some forty is not guessed at once";
    // With so great a weight, hardly anything else is learned.
    const auto [heavy, learned] = losses(100);
    EXPECT_LT(learned, 0.9 * heavy);
    EXPECT_LT(one_learned, one);
}

TEST(Objectives, every_choice_that_should_matter_matters) {
    const MadeCorpus corpus = make_shop(60, 4);
    std::map<std::string, std::string> seen;
    const auto expect_new = [&](const std::string& name, auto change) {
        TrainOptions options = small_options();
        change(options);
        const auto [found, fresh] = seen.emplace(train_on(corpus, options, 1).weights, name);
        EXPECT_TRUE(fresh) << name << " trains as " << found->second << " does";
    };
    expect_new("halves", [](TrainOptions&) {});
    expect_new("events", [](TrainOptions& o) { o.pairs = PairKind::events; });
    expect_new("rest", [](TrainOptions& o) { o.pairs = PairKind::rest; });
    expect_new("rest and what was left out", [](TrainOptions& o) { o.pairs = PairKind::rest; o.left_out_weight = 0.3; });
    expect_new("rest, equal texts as negatives", [](TrainOptions& o) { o.pairs = PairKind::rest; o.false_negatives = FalseNegatives::users; });
    expect_new("query and item", [](TrainOptions& o) { o.pairs = PairKind::query_item; });
    expect_new("query and item, equal texts as negatives", [](TrainOptions& o) { o.pairs = PairKind::query_item; o.false_negatives = FalseNegatives::users; });
    expect_new("query and item, with a margin", [](TrainOptions& o) { o.pairs = PairKind::query_item; o.false_negative_margin = 0; });
    expect_new("title and category", [](TrainOptions& o) { o.pairs = PairKind::title_category; });
    expect_new("dropout", [](TrainOptions& o) { o.pairs = PairKind::dropout; o.dropout = 0.1; });
    expect_new("one label", [](TrainOptions& o) { supervised(o, false); });
    expect_new("several labels", [](TrainOptions& o) { supervised(o, true); });
    for (const double alpha : {8.0, 4.0}) expect_new("low rank, alpha " + std::to_string(alpha), [&](TrainOptions& o) { low_rank(o); o.lora.alpha = alpha; });
    expect_new("low rank, attention", [](TrainOptions& o) { low_rank(o); o.lora.targets = LoraTargets::attention; });
    expect_new("low rank, another rank", [](TrainOptions& o) { low_rank(o); o.lora.rank = 2; o.lora.alpha = 4; });
}

TEST(Objectives, a_head_learns_its_labels) {
    const MadeCorpus corpus = make_corpus(120, 6, 3);  // three interests, by user number
    TrainOptions options = small_options();
    options.objective = ObjectiveKind::supervised;
    options.labels = {"x", "y", "z"};
    options.steps = 80;
    options.batch = 32;
    options.micro_batch_tokens = 0;
    const base::Philox random(99, base::RandomPurpose::synthetic_corpus);
    const TemporaryFolder run;
    parallel::run_thread_ranks(2, [&](parallel::Communicator& comm) {
        StoreOptions labelled;
        labelled.users.sample = UserSample::labelled;
        labelled.users.labels_of = [&](std::string_view user) {
            return std::vector{static_cast<std::int32_t>(random.below(3, std::stoull(std::string(user.substr(4))), 2))};
        };
        const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                               LetterTokenizer(), 1, 32, labelled);
        const auto bert = model::make_model(small_config(2), 7);
        base::Metrics metrics;
        const auto report = train(comm, store, *bert, options, run.path(), "key", metrics);
        EXPECT_NEAR(report.loss.front().second, std::log(3), 0.1) << "nothing is known at first";
        EXPECT_LT(report.loss.back().second, 0.6);
        ASSERT_NE(report.head, nullptr);
        EXPECT_EQ(report.head->format.architecture, "BertForSequenceClassification");
        EXPECT_EQ(report.head->parameters.at(0).name, "classifier.weight");
        EXPECT_THAT(report.head->format.config, testing::Contains(testing::Pair("id2label", R"({"0":"x","1":"y","2":"z"})")));
    });
}

// What the ranks compute in an epoch, put together: each sample once, with unequal and empty shards.
TEST(Objectives, no_sample_is_computed_twice_in_an_epoch) {
    const MadeCorpus corpus = make_shop(40, 4);
    for (const bool texts : {true, false})
        for (const int ranks : {1, 2, 3, 5}) {
            std::map<std::int64_t, std::multiset<Sequence>> computed, owned;  // by epoch
            std::mutex mutex;
            parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
                const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                                       LetterTokenizer(), 1, 32);
                const SampleUnit unit = texts ? SampleUnit::text : SampleUnit::user;
                const std::int64_t population = store.samples(unit);
                const auto draw = [&](std::int64_t sample, std::int64_t) -> std::vector<Sequence> {
                    // A sequence that names its sample.
                    return {{static_cast<std::int32_t>(sample), 1, 2}};
                };
                const SampleStream stream(population, 7, 3);
                for (std::int64_t number = 0; number * 7 + 7 <= 3 * population; ++number) {
                    const StepSequences step = collect_step(comm, store, unit, stream, number, 10, 16, draw);
                    std::lock_guard lock(mutex);
                    for (std::size_t m = 0; m < step.micro_batches.size(); ++m)
                        for (std::size_t row = 0; row < step.ids[m].size(); ++row) {
                            EXPECT_EQ(step.micro_batches[m].rank, comm.rank());
                            const std::int64_t position = step.first_position + step.micro_batches[m].sequences[row];
                            computed[position / population].insert(step.ids[m][row]);
                        }
                }
                std::lock_guard lock(mutex);
                for (std::int64_t sample = 0; sample < population; ++sample)
                    if (store.owner(unit, sample) == comm.rank())
                        for (const std::int64_t epoch : {0, 1}) owned[epoch].insert({static_cast<std::int32_t>(sample), 1, 2});
            });
            for (const std::int64_t epoch : {0, 1}) EXPECT_EQ(computed[epoch], owned[epoch]) << ranks << " ranks, epoch " << epoch;
        }
}

void expect_refused(const MadeCorpus& corpus, const std::function<void(TrainOptions&)>& change, base::ErrorKind kind, const std::string& text) {
    TrainOptions options = small_options();
    change(options);
    try {
        train_on(corpus, options, 2);
        FAIL() << "no error: " << text;
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), kind);
        EXPECT_THAT(error.what(), testing::HasSubstr(text));
    }
}

TEST(Objectives, what_there_is_too_little_of_is_refused) {
    using base::ErrorKind;
    const MadeCorpus without = make_corpus(20, 2);  // no searches and no items
    expect_refused(without, [](TrainOptions& o) { o.pairs = PairKind::query_item; }, ErrorKind::input, "search");
    expect_refused(without, [](TrainOptions& o) { o.pairs = PairKind::title_category; }, ErrorKind::input, "category");
    expect_refused(make_shop(40, 2), [](TrainOptions& o) { o.pairs = PairKind::dropout; }, ErrorKind::usage, "--dropout");
}

}  // namespace
}  // namespace kohort::train

// One step of each language objective, cut into micro-batches over ranks, against autograd on the whole batch at once. The
// expected loss is put together here from the objective's definition.
#include <gtest/gtest.h>

#include "family_fixture.h"
#include "model/bert.h"
#include "model/head.h"
#include "model/mlm_head.h"
#include "model/t5.h"
#include "model/t5_decoder.h"
#include "parallel/collectives.h"
#include "parallel/thread_communicator.h"
#include "train/hidden_spans.h"
#include "train/objective.h"
#include "train/token_masking.h"

namespace kohort::train {
namespace {

constexpr std::int64_t step_number = 2;

TrainOptions some_options(ObjectiveKind objective) {
    TrainOptions options;
    options.objective = objective;
    options.batch = 14;
    options.max_tokens = 12;
    options.threads = 2;
    return options;
}

std::unique_ptr<Objective> objective_for(const TrainOptions& options, const TokenStore& store, const model::Encoder& encoder) {
    switch (options.objective) {
        case ObjectiveKind::causal_language: return make_causal_language_objective(options, encoder.sizes(), store.special(), store.marks());
        case ObjectiveKind::span_corruption:
            return make_span_corruption_objective(options, dynamic_cast<const model::T5Encoder&>(encoder).config(), store.special(), store.marks());
        default:
            return make_masked_language_objective(options, dynamic_cast<const model::Bert&>(encoder).config(), store.vocabulary_size(), store.special());
    }
}

// Every rank's own texts of the step, brought together in canonical order.
std::vector<Sequence> all_rows(parallel::Communicator& comm, const TokenStore& store, const Objective& objective, const StepSequences& step) {
    std::vector<std::int32_t> mine;
    for (std::size_t i = 0; i < step.samples.size(); ++i) {
        if (store.owner(SampleUnit::text, step.samples[i]) != comm.rank()) continue;
        const auto row = objective.draw(store, step.samples[i], step.first_position + static_cast<std::int64_t>(i)).front();
        mine.push_back(static_cast<std::int32_t>(i));
        mine.push_back(static_cast<std::int32_t>(row.size()));
        mine.insert(mine.end(), row.begin(), row.end());
    }
    const auto all = parallel::all_gather(comm, std::span<const std::int32_t>(mine));
    std::vector<Sequence> rows(step.samples.size());
    for (auto at = all.begin(); at != all.end(); at += 2 + at[1]) rows[static_cast<std::size_t>(at[0])].assign(at + 2, at + 2 + at[1]);
    return rows;
}

using Scores = std::pair<std::vector<torch::Tensor>, std::vector<std::int64_t>>;  // of one target each, and the targets

Scores masked(const model::Encoder& encoder, const model::Head& head, const std::vector<Sequence>& rows, std::int64_t first_position,
              const TokenStore& store, const TrainOptions& options) {
    Scores result;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto hidden = mask_tokens(rows[row], first_position + static_cast<std::int64_t>(row),
                                        {options.seed, options.mask, store.vocabulary_size(), store.special()});
        const auto vectors = encoder.forward(model::make_batch({hidden.ids}, 0))[0];
        const auto scores = dynamic_cast<const model::MlmHead&>(head).forward(vectors, encoder.word_embeddings());
        for (std::size_t i = 0; i < hidden.places.size(); ++i) {
            result.first.push_back(scores[hidden.places[i]]);
            result.second.push_back(rows[row][static_cast<std::size_t>(hidden.places[i])]);
        }
    }
    return result;
}

Scores causal(const model::Encoder& encoder, const std::vector<Sequence>& rows) {
    Scores result;
    for (const Sequence& row : rows) {
        EXPECT_EQ(row.front(), 2);
        EXPECT_EQ(row.back(), 3);
        const auto vectors = encoder.forward(model::make_batch({row}, 0))[0];
        for (std::size_t place = 0; place + 1 < row.size(); ++place) {
            result.first.push_back(torch::mv(encoder.word_embeddings(), vectors[static_cast<std::int64_t>(place)]));
            result.second.push_back(row[place + 1]);
        }
    }
    return result;
}

Scores spans(const model::Encoder& encoder, const model::Head& head, const std::vector<Sequence>& rows, std::int64_t first_position,
             const TokenStore& store, const TrainOptions& options) {
    const auto& decoder = dynamic_cast<const model::T5Decoder&>(head);
    Scores result;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto [source, target] = hide_spans(rows[row], first_position + static_cast<std::int64_t>(row),
                                                 {.seed = options.seed, .special = store.special(), .end = 3, .sentinels = {34, 33, 32, 31}});
        Sequence input{0};
        input.insert(input.end(), target.begin(), target.end() - 1);
        const auto batch = model::make_batch({source}, 0);
        const auto vectors = decoder.forward(model::make_batch({input}, 0), batch, encoder.forward(batch), encoder.word_embeddings());
        const auto scores = decoder.scores(vectors, encoder.word_embeddings());
        for (std::size_t place = 0; place < target.size(); ++place) {
            result.first.push_back(scores[static_cast<std::int64_t>(place)]);
            result.second.push_back(target[place]);
        }
    }
    return result;
}

class LanguageObjectives : public testing::TestWithParam<ObjectiveKind> {};

TEST_P(LanguageObjectives, gradients_add_up) {
    const MadeCorpus corpus = make_corpus(60, 5);
    const TrainOptions options = some_options(GetParam());
    for (const int ranks : {1, 3})
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
            const auto tokenizer = tokenizer_for(options.objective);
            const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                                   *tokenizer, 1, 32);
            const auto encoder = model_for(options.objective, 1, 3);
            {
                const torch::NoGradGuard no_gradients;  // with the usual 0.02 all gradients are small
                for (const auto& parameter : encoder->parameters())
                    if (parameter.name.find("embed") != std::string::npos || parameter.name.starts_with("w")) torch::Tensor(parameter.value).mul_(10);
            }
            const auto objective = objective_for(options, store, *encoder);
            const SampleStream stream(store.samples(SampleUnit::text), options.batch, options.seed);
            const auto draw = [&](std::int64_t sample, std::int64_t position) { return objective->draw(store, sample, position); };
            const StepSequences step = collect_step(comm, store, SampleUnit::text, stream, step_number, 30, 16, draw);
            EXPECT_GT(step.micro_batches.size(), 3U);

            const TrainedModel trained(*encoder, [&](model::TensorSource source) { return objective->make_head(std::move(source)); },
                                       objective->fresh_head(), model::Precision::fp32);
            GradientReducer reducer(comm, trained.masters());
            std::vector<torch::Tensor> gradients;
            StepResult result;
            while (gradients.empty()) {
                reducer.begin(step.tokens);
                result = objective->compute({comm, step, trained, &reducer, options});
                gradients = reducer.reduce(step_number);
            }
            EXPECT_EQ(objective->compute({comm, step, trained, nullptr, options}).loss, result.loss) << "without gradients";

            const auto rows = all_rows(comm, store, *objective, step);
            const auto whole = trained.instance(true);
            Scores scores;
            switch (options.objective) {
                case ObjectiveKind::causal_language: scores = causal(*whole.encoder, rows); break;
                case ObjectiveKind::span_corruption: scores = spans(*whole.encoder, *whole.head, rows, step.first_position, store, options); break;
                default: scores = masked(*whole.encoder, *whole.head, rows, step.first_position, store, options);
            }
            EXPECT_EQ(result.targets, std::ssize(scores.second));
            const auto plain = torch::cross_entropy_loss(torch::stack(scores.first), torch::tensor(scores.second, torch::kLong));
            EXPECT_NEAR(result.loss, plain.item<double>(), 1e-5);
            const auto expected = torch::autograd::grad({plain}, whole.leaves);
            for (std::size_t t = 0; t < expected.size(); ++t) {
                // A key's bias has no gradient but noise: attention does not change when all keys move alike.
                const double scale = std::max(expected[t].norm().item<double>(), 1e-3);
                EXPECT_LT((gradients[t] - expected[t]).norm().item<double>(), 1e-4 * scale) << trained.masters()[t].name;
            }
        });
}

INSTANTIATE_TEST_SUITE_P(Kinds, LanguageObjectives,
                         testing::Values(ObjectiveKind::masked_language, ObjectiveKind::causal_language, ObjectiveKind::span_corruption),
                         [](const auto& kind) {
                             return kind.param == ObjectiveKind::masked_language ? "masked" : kind.param == ObjectiveKind::causal_language ? "causal" : "spans";
                         });

}  // namespace
}  // namespace kohort::train

// One step cut into micro-batches over ranks against autograd on the whole batch at once: gradient caching, exact
// sums and the exchange of sequences must add up to the plain thing.
#include <gtest/gtest.h>

#include "corpus_fixture.h"
#include "model/encoder.h"
#include "model/pretrained.h"
#include "parallel/collectives.h"
#include "parallel/thread_communicator.h"
#include "small_model.h"
#include "train/objective.h"
#include "train/trained_model.h"

namespace kohort::train {
namespace {

model::ModelConfig spread_config() {
    auto config = small_config(1);
    config.initializer_range = 0.3;  // with the usual 0.02 all vectors of fresh weights look alike
    return config;
}

torch::Tensor unit_rows(const torch::Tensor& x) { return x / x.norm(2, 1, true); }

TEST(WholeBatch, contrastive_gradients_add_up) {
    const MadeCorpus corpus = make_corpus(60, 5);
    TrainOptions options;
    options.batch = 10;
    options.max_tokens = 12;
    options.drop_tokens = 0.2;
    options.side_events = 2;
    options.threads = 2;
    parallel::run_thread_ranks(3, [&](parallel::Communicator& comm) {
        const LetterTokenizer tokenizer;
        const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                               tokenizer, 1, 32);
        const auto bert = model::make_model(spread_config(), 3);
        std::vector<torch::Tensor> weights;
        for (const auto& parameter : bert->parameters()) {
            weights.push_back(parameter.value);
            weights.back().requires_grad_(true);
        }
        const auto objective = make_contrastive_objective(options);
        const SampleStream stream(store.samples(SampleUnit::user), options.batch, options.seed);
        const auto draw = [&](std::int64_t sample, std::int64_t position) { return objective->draw(store, sample, position); };
        const auto note = [&](std::int64_t sample, std::int64_t position) { return objective->note(store, sample, position); };
        const StepSequences step = collect_step(comm, store, SampleUnit::user, stream, 2, 40, 16, draw, note);
        EXPECT_GT(step.micro_batches.size(), 4U);

        const TrainedModel trained(*bert, [](const model::TensorSource&) { return nullptr; }, {}, model::Precision::fp32);
        GradientReducer reducer(comm, trained.masters());
        std::vector<torch::Tensor> gradients;
        double loss = 0;
        while (gradients.empty()) {
            reducer.begin(step.tokens);
            loss = objective->compute({comm, step, trained, &reducer, options}).loss;
            gradients = reducer.reduce(2);
        }

        // Every rank's own sequences, brought together in canonical order, in one batch.
        std::vector<std::int32_t> mine;
        for (std::size_t i = 0; i < step.samples.size(); ++i) {
            if (store.owner(SampleUnit::user, step.samples[i]) != comm.rank()) continue;
            for (const Sequence& sequence : draw(step.samples[i], step.first_position + static_cast<std::int64_t>(i))) {
                mine.push_back(static_cast<std::int32_t>(i));
                mine.push_back(static_cast<std::int32_t>(sequence.size()));
                mine.insert(mine.end(), sequence.begin(), sequence.end());
            }
        }
        const auto all = parallel::all_gather(comm, std::span<const std::int32_t>(mine));
        std::vector<std::vector<Sequence>> by_sample(step.samples.size());
        for (std::size_t at = 0; at < all.size();) {
            const auto sample = static_cast<std::size_t>(all[at]), length = static_cast<std::size_t>(all[at + 1]);
            by_sample[sample].emplace_back(all.begin() + static_cast<std::ptrdiff_t>(at) + 2,
                                           all.begin() + static_cast<std::ptrdiff_t>(at + 2 + length));
            at += 2 + length;
        }
        std::vector<Sequence> rows;
        std::vector<torch::Tensor> first, second;
        for (const auto& sample : by_sample) rows.insert(rows.end(), sample.begin(), sample.end());
        const auto batch = model::make_batch(rows, 0);
        const auto vectors = unit_rows(model::mean_pool(bert->forward(batch), batch.lengths));
        std::int64_t at = 0;
        for (const auto& sample : by_sample) {
            const auto half = std::ssize(sample) / 2;
            first.push_back(vectors.slice(0, at, at + half).mean(0));
            second.push_back(vectors.slice(0, at + half, at + 2 * half).mean(0));
            at += 2 * half;
        }
        const auto scores = torch::matmul(unit_rows(torch::stack(first)), unit_rows(torch::stack(second)).t()) / options.temperature;
        const auto target = torch::arange(std::ssize(by_sample), torch::kLong);
        const auto plain = (torch::cross_entropy_loss(scores, target) + torch::cross_entropy_loss(scores.t(), target)) / 2;
        EXPECT_NEAR(loss, plain.item<double>(), 1e-5);
        const auto expected = torch::autograd::grad({plain}, weights);
        for (std::size_t t = 0; t < weights.size(); ++t) {
            // A key's bias has no gradient but noise: attention does not change when all keys move alike.
            const double scale = std::max(expected[t].norm().item<double>(), 1e-2);
            EXPECT_LT((gradients[t] - expected[t].to_dense()).norm().item<double>(), 1e-4 * scale) << bert->parameters()[t].name;
        }
    });
}

}  // namespace
}  // namespace kohort::train

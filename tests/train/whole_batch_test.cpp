// One step cut into micro-batches over three ranks against autograd on the whole batch at once: gradient caching, exact
// sums and the exchange of sequences must add up to the plain thing, for each objective on text vectors.
#include <gtest/gtest.h>

#include "corpus_fixture.h"
#include "model/encoder.h"
#include "model/head.h"
#include "model/pretrained.h"
#include "objective_fixture.h"
#include "parallel/collectives.h"
#include "parallel/thread_communicator.h"
#include "small_model.h"
#include "train/objective.h"
#include "train/trained_model.h"

namespace kohort::train {
namespace {

torch::Tensor unit_rows(const torch::Tensor& x) { return x / x.norm(2, 1, true); }

// The loss of `scores` [B, C] of which score target[i] of row i is the right one, written out.
torch::Tensor cross_entropy(const torch::Tensor& scores, const std::vector<std::int64_t>& target) {
    const auto right = torch::log_softmax(scores, 1).gather(1, torch::tensor(target, torch::kLong).unsqueeze(1));
    return -right.mean();
}

// All that a loss may depend on, of the whole batch.
struct Whole {
    torch::Tensor vectors;               // [N, H], each of length 1, by sample
    std::vector<std::int64_t> counts;    // of each sample
    const StepSequences& step;
    std::vector<torch::Tensor> head;     // weights on top of the encoder
};
using PlainLoss = std::function<torch::Tensor(const Whole&)>;
using MakeObjective = std::function<std::unique_ptr<Objective>(const TrainOptions&, const model::Encoder&)>;

// Every rank's own sequences, brought together in canonical order.
std::vector<std::vector<Sequence>> gather_sequences(parallel::Communicator& comm, const TokenStore& store, const StepSequences& step, const Objective& objective) {
    std::vector<std::int32_t> mine;
    for (std::size_t i = 0; i < step.samples.size(); ++i) {
        if (store.owner(SampleUnit::user, step.samples[i]) != comm.rank()) continue;
        for (const Sequence& sequence : objective.draw(store, step.samples[i], step.first_position + static_cast<std::int64_t>(i))) {
            mine.push_back(static_cast<std::int32_t>(i));
            mine.push_back(static_cast<std::int32_t>(sequence.size()));
            mine.insert(mine.end(), sequence.begin(), sequence.end());
        }
    }
    const auto all = parallel::all_gather(comm, std::span<const std::int32_t>(mine));
    std::vector<std::vector<Sequence>> by_sample(step.samples.size());
    for (std::size_t at = 0; at < all.size();) {
        const auto length = static_cast<std::ptrdiff_t>(all[at + 1]), begin = static_cast<std::ptrdiff_t>(at) + 2;
        by_sample[static_cast<std::size_t>(all[at])].emplace_back(all.begin() + begin, all.begin() + begin + length);
        at += 2 + static_cast<std::size_t>(length);
    }
    return by_sample;
}

void expect_gradients_add_up(const MadeCorpus& corpus, TrainOptions options, const MakeObjective& make_objective, const PlainLoss& plain_loss) {
    options.threads = 2;
    parallel::run_thread_ranks(3, [&](parallel::Communicator& comm) {
        const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                               LetterTokenizer(), 1, 32, store_options(options));
        auto config = small_config(1);
        config.initializer_range = 0.3;  // with the usual 0.02 all vectors of fresh weights look alike
        const auto bert = model::make_model(config, 3);
        const auto objective = make_objective(options, *bert);
        const SampleStream stream(store.samples(SampleUnit::user), options.batch, options.seed);
        const auto draw = [&](std::int64_t sample, std::int64_t position) { return objective->draw(store, sample, position); };
        const auto note = [&](std::int64_t sample, std::int64_t position) { return objective->note(store, sample, position); };
        const StepSequences step = collect_step(comm, store, SampleUnit::user, stream, 1, 40, 16, draw, note);
        EXPECT_GT(step.micro_batches.size(), 3U);

        const TrainedModel trained(*bert, [&](model::TensorSource source) { return objective->make_head(std::move(source)); },
                                   objective->fresh_head(), model::Precision::fp32);
        if (!trained.head_masters().empty()) {
            const torch::NoGradGuard no_grad;  // fresh weights are too small for the encoder to get much of a gradient
            torch::Tensor(trained.head_masters()[0].value).mul_(50);
        }
        GradientReducer reducer(comm, trained.masters());
        std::vector<torch::Tensor> gradients;
        StepResult result;
        while (gradients.empty()) {
            reducer.begin(step.tokens);
            result = objective->compute({comm, step, trained, &reducer, options});
            gradients = reducer.reduce(1);
        }

        const auto by_sample = gather_sequences(comm, store, step, *objective);
        std::vector<torch::Tensor> weights;
        for (const auto& master : trained.masters()) weights.push_back(master.value.detach().requires_grad_(true));
        std::size_t next = 0;
        const auto plain = bert->with_weights([&](const std::string&, torch::IntArrayRef) { return weights[next++]; });
        std::vector<Sequence> rows;
        Whole whole{{}, {}, step, {weights.begin() + static_cast<std::ptrdiff_t>(next), weights.end()}};
        for (const auto& sample : by_sample) {
            rows.insert(rows.end(), sample.begin(), sample.end());
            whole.counts.push_back(std::ssize(sample));
        }
        const auto batch = model::make_batch(rows, 0);
        whole.vectors = unit_rows(model::mean_pool(plain->forward(batch), batch.lengths));
        const auto loss = plain_loss(whole);
        EXPECT_NEAR(result.loss, loss.item<double>(), 1e-5);
        const auto expected = torch::autograd::grad({loss}, weights);
        for (std::size_t t = 0; t < weights.size(); ++t) {
            // A key's bias has no gradient but noise: attention does not change when all keys move alike.
            const double scale = std::max(expected[t].norm().item<double>(), 1e-2);
            EXPECT_LT((gradients[t] - expected[t].to_dense()).norm().item<double>(), 1e-4 * scale) << trained.masters()[t].name;
        }
    });
}

std::unique_ptr<Objective> contrastive(const TrainOptions& options, const model::Encoder&) { return make_contrastive_objective(options); }

std::vector<std::int64_t> first_numbers(std::size_t count) {
    std::vector<std::int64_t> numbers(count);
    for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<std::int64_t>(i);
    return numbers;
}

TEST(WholeBatch, halves) {
    TrainOptions options = small_options();
    options.false_negatives = FalseNegatives::users;
    expect_gradients_add_up(make_corpus(60, 5), options, contrastive, [&](const Whole& whole) {
        std::vector<torch::Tensor> first, second;
        std::int64_t at = 0;
        for (const std::int64_t count : whole.counts) {
            first.push_back(whole.vectors.slice(0, at, at + count / 2).mean(0));
            second.push_back(whole.vectors.slice(0, at + count / 2, at + count).mean(0));
            at += count;
        }
        const auto scores = torch::matmul(unit_rows(torch::stack(first)), unit_rows(torch::stack(second)).t()) / options.temperature;
        const auto target = first_numbers(whole.counts.size());
        return (cross_entropy(scores, target) + cross_entropy(scores.t(), target)) / 2;
    });
}

// Each text, by turns, without itself in its own user's mean; and the last sequence of a user is what was left out of its first.
TEST(WholeBatch, rest_and_what_was_left_out) {
    TrainOptions options = small_options();
    options.pairs = PairKind::rest;
    options.false_negatives = FalseNegatives::users;
    options.drop_tokens = 0.5;
    for (const double weight : {0.0, 0.7}) {
        options.left_out_weight = weight;
        expect_gradients_add_up(make_corpus(60, 5), options, contrastive, [&](const Whole& whole) {
            const std::int64_t last = weight > 0 ? 1 : 0;
            std::vector<torch::Tensor> texts, parts, scores;
            std::vector<std::int64_t> user_of, first_of;
            std::int64_t at = 0;
            for (std::size_t u = 0; u < whole.counts.size(); at += whole.counts[u], ++u) {
                first_of.push_back(std::ssize(texts));
                for (std::int64_t i = 0; i < whole.counts[u] - last; ++i) {
                    texts.push_back(whole.vectors[at + i]);
                    user_of.push_back(static_cast<std::int64_t>(u));
                }
                if (last > 0) parts.push_back(whole.vectors[at + whole.counts[u] - 1]);
            }
            for (std::size_t i = 0; i < texts.size(); ++i) {
                std::vector<torch::Tensor> means;
                for (std::size_t u = 0; u < whole.counts.size(); ++u) {
                    auto sum = torch::zeros_like(texts[0]);
                    for (std::size_t j = 0; j < texts.size(); ++j)
                        if (j != i && user_of[j] == static_cast<std::int64_t>(u)) sum = sum + texts[j];
                    means.push_back(sum);
                }
                scores.push_back(torch::matmul(unit_rows(torch::stack(means)), texts[i]) / options.temperature);
            }
            const auto loss = cross_entropy(torch::stack(scores), user_of);
            if (weight == 0) return loss;
            const auto told = torch::matmul(torch::stack(parts), torch::stack(texts).t()) / options.temperature;
            return loss + weight * cross_entropy(told, first_of);
        });
    }
}

TEST(WholeBatch, supervised) {
    for (const bool multi_label : {false, true}) {
        TrainOptions options = small_options();
        supervised(options, multi_label);
        const auto make = [](const TrainOptions& of, const model::Encoder& encoder) { return make_supervised_objective(of, encoder); };
        expect_gradients_add_up(make_shop(60, 5), options, make, [&](const Whole& whole) {
            std::vector<torch::Tensor> users;
            auto target = torch::zeros({std::ssize(whole.counts), 3});
            std::int64_t at = 0;
            for (std::size_t i = 0; i < whole.counts.size(); at += whole.counts[i], ++i) {
                EXPECT_LE(whole.counts[i], 4) << "at most --side-events texts on each of two sides";
                users.push_back(whole.vectors.slice(0, at, at + whole.counts[i]).mean(0));
                for (const std::int32_t label : whole.step.notes[i]) target[static_cast<std::int64_t>(i)][label] = 1;
            }
            const auto scores = torch::matmul(unit_rows(torch::stack(users)), whole.head[0].t()) + whole.head[1];
            return multi_label ? -(target * torch::log_sigmoid(scores) + (1 - target) * torch::log_sigmoid(-scores)).mean()
                               : -(target * torch::log_softmax(scores, 1)).sum() / std::ssize(whole.counts);
        });
    }
}

}  // namespace
}  // namespace kohort::train

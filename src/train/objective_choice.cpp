#include "train/objective_choice.h"

#include "base/error.h"
#include "model/bert.h"
#include "model/gpt2.h"
#include "model/stored_head.h"
#include "model/t5.h"

namespace kohort::train {
namespace {

// The encoder as the family that an objective is for.
template <class Family>
const Family& demand(const model::Encoder& encoder, const char* message) {
    const auto* family = dynamic_cast<const Family*>(&encoder);
    if (!family) base::fail(base::ErrorKind::usage, "{}", message);
    return *family;
}

// What makes a user a sample, and how a message says it.
struct Requirement {
    UserSample sample;
    std::int64_t least;
    const char* users;
};
Requirement requirement_of(const TrainOptions& options) {
    if (options.objective == ObjectiveKind::supervised) return {UserSample::labelled, 2, "have a text and a label; supervised"};
    switch (options.pairs) {
        case PairKind::halves:
        case PairKind::events:
        case PairKind::rest: break;
        case PairKind::query_item: return {UserSample::query_and_item, 2, "have a search that an event with an item follows; contrastive"};
        case PairKind::title_category: return {UserSample::text_and_category, 2, "have an event whose item has a category; contrastive"};
        case PairKind::dropout: return {UserSample::any_text, 2, "have a text; contrastive"};
    }
    return {UserSample::two_texts, 2, "have two different texts; contrastive"};
}

void check_samples(const TokenStore& store, const TrainOptions& options) {
    using base::ErrorKind;
    if (options.objective != ObjectiveKind::contrastive && options.objective != ObjectiveKind::supervised) {
        if (store.samples(SampleUnit::text) < 1) base::fail(ErrorKind::input, "the corpus has no text to train on");
        return;
    }
    const Requirement required = requirement_of(options);
    if (store.user_sample() != required.sample) base::fail(ErrorKind::internal, "the texts were read for pairs of another kind");
    if (store.samples(SampleUnit::user) < required.least)
        base::fail(ErrorKind::input, "{} of {} users {} training needs at least {} such users", store.samples(SampleUnit::user),
                   store.users(), required.users, required.least);
    if (options.objective == ObjectiveKind::contrastive && options.pairs == PairKind::dropout && options.dropout <= 0)
        base::fail(ErrorKind::usage, "--pairs dropout tells the two sides of a pair apart by dropout alone; it needs --dropout above 0");
}

}  // namespace

std::unique_ptr<Objective> make_objective(const TrainOptions& options, const TokenStore& store, const model::Encoder& encoder) {
    switch (options.objective) {
        case ObjectiveKind::contrastive: return make_contrastive_objective(options);
        case ObjectiveKind::supervised: return make_supervised_objective(options, encoder);
        case ObjectiveKind::masked_language: {
            const auto& bert = demand<model::Bert>(encoder, "masked language modelling trains a model of BERT's kind");
            return make_masked_language_objective(options, bert.config(), store.vocabulary_size(), store.special());
        }
        case ObjectiveKind::causal_language:
            demand<model::Gpt2>(encoder, "causal language modelling trains a gpt2");
            return make_causal_language_objective(options, encoder.sizes(), store.special(), store.marks());
        case ObjectiveKind::span_corruption: {
            const auto& t5 = demand<model::T5Encoder>(encoder, "span corruption trains a t5 or mt5");
            return make_span_corruption_objective(options, t5.config(), store.special(), store.marks());
        }
    }
    base::fail(base::ErrorKind::internal, "an objective of no kind");
}

model::TensorSource start_of_head(const TrainOptions& options, const Objective& objective, bool notice) {
    if (options.start.empty() || !objective.head_format()) return objective.fresh_head();
    const auto blank = objective.make_head([](const std::string&, torch::IntArrayRef shape) { return torch::empty(shape); });
    const auto wanted = blank ? blank->parameters() : std::vector<model::Parameter>{};
    return model::stored_head(options.start, wanted, objective.fresh_head(), notice);
}

void check_training(const TokenStore& store, const model::Encoder& encoder, const TrainOptions& options) {
    using base::ErrorKind;
    if (options.max_tokens < 3 || options.max_tokens > encoder.sizes().longest)
        base::fail(ErrorKind::usage, "training on {} tokens a text does not fit a model of {} positions", options.max_tokens,
                   encoder.sizes().longest);
    if (store.vocabulary_size() > encoder.sizes().vocabulary)
        base::fail(ErrorKind::usage, "the tokenizer has {} tokens and the model only {}", store.vocabulary_size(),
                   encoder.sizes().vocabulary);
    check_samples(store, options);
}

}  // namespace kohort::train

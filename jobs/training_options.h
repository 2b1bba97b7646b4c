// From a job's options to a new model and to the settings of its training.
#pragma once

#include <cstdint>
#include <string>

#include "job_context.h"
#include "model/new_model.h"
#include "text/tokenizer.h"
#include "train/token_store.h"
#include "train/trainer.h"

namespace kohort::jobs {

constexpr std::int64_t longest_sequence = 128;  // position embeddings of a new model

// With the special tokens of `tokenizer`, where it is there already.
model::NewModel new_model(const Options& options, std::int64_t vocabulary, const text::Tokenizer* tokenizer);

// How a family of models learns from texts alone.
train::ObjectiveKind language_objective(const std::string& model_type);

// What the options say of a training of `steps` steps, checked when the trainer takes it.
train::TrainOptions train_options(const JobContext& context, train::ObjectiveKind objective, std::int64_t steps);

// Steps for a corpus of this size: every user is drawn about eight times, within limits that keep thirty users under a minute
// and thousands under ten minutes on two cores.
std::int64_t settle_steps(const Options& options, const train::TokenStore& store);

}  // namespace kohort::jobs

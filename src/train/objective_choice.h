// Which objective a training has, what its head starts with, and whether corpus, tokenizer and model suit it.
#pragma once

#include <memory>

#include "model/encoder.h"
#include "train/objective.h"
#include "train/token_store.h"
#include "train/trainer.h"

namespace kohort::train {

// The objective of options.objective. Error(usage) where it is for another family of models, or where the tokenizer lacks
// tokens that it needs.
std::unique_ptr<Objective> make_objective(const TrainOptions& options, const TokenStore& store, const model::Encoder& encoder);

// The weights that the objective's head starts with: those of the folder options.start, where it has them, else fresh ones.
// `notice`: log what was taken from there.
model::TensorSource start_of_head(const TrainOptions& options, const Objective& objective, bool notice);

// Error(usage) where sequences or token ids do not fit the model, or options do not go together; Error(input) where the
// corpus has too little to train on.
void check_training(const TokenStore& store, const model::Encoder& encoder, const TrainOptions& options);

}  // namespace kohort::train

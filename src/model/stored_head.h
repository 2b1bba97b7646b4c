// The head that a model's folder may hold beside its encoder, as a start for training.
#pragma once

#include <filesystem>
#include <vector>

#include "model/layers.h"

namespace kohort::model {

// Gives the tensors of a language model's head: those in the folder where it holds all that are `wanted` (names and shapes),
// else those of `fresh`. A log line says which, where `notice`. Error(input) where it holds some of them only, or in other
// shapes; Error(usage) for scores with weights of their own in a family whose scores are the embeddings here.
TensorSource stored_head(const std::filesystem::path& folder, const std::vector<Parameter>& wanted, TensorSource fresh,
                         bool notice);

}  // namespace kohort::model

// What the language objectives have in common: the loss is a mean over all of a step's targets, whose number is agreed
// before any gradient is taken, so that a micro-batch's gradient does not depend on its rank.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>

#include "train/objective.h"

namespace kohort::train {

// Collective. Calls learn(i, targets) for each of this rank's `count` micro-batches, several at a time; it gives the
// micro-batch's summed loss. own_targets: the targets of them together. The mean is the same on every rank, and at any
// number of ranks; NaN where the loss of any is not finite, or so large that training is lost.
StepResult mean_over_targets(const StepContext& step, std::int64_t count, std::int64_t own_targets,
                             const std::function<double(std::int64_t i, std::int64_t targets)>& learn);

// The summed cross-entropy of scores [N, vocabulary] for N targets; where gradients are asked for, the gradient of its share
// of the mean over `all_targets` goes to the step's sums, and the graph is freed.
double learn_targets(const StepContext& step, Replica& replica, const torch::Tensor& scores,
                     const std::vector<std::int64_t>& targets, std::int64_t all_targets);

}  // namespace kohort::train

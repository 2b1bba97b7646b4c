// A step whose loss is a function of all of its text vectors together: every rank embeds its micro-batches, the vectors (not
// the texts) are gathered, every rank computes the same loss and its gradient by vector, and then each micro-batch carries
// its vectors' gradients back to the weights. In between, a rank keeps the graphs of all its micro-batches; or, by gradient
// caching (Gao et al. 2021, section 3), none of them, and embeds each micro-batch a second time, for a third more
// time: what then grows with the batch is its vectors and their gradients.
#pragma once

#include <torch/torch.h>

#include <functional>

#include "train/objective.h"

namespace kohort::train {

// Collective. Calls `gradient_of` once on every rank, with the step's vectors [N, H] (fp32, on the CPU, in canonical order,
// each of length 1); it returns dloss / dvectors, alike on all ranks. That gradient is carried back where gradients are asked
// for.
void carry_back(const StepContext& step, const std::function<torch::Tensor(const torch::Tensor& vectors)>& gradient_of);

}  // namespace kohort::train

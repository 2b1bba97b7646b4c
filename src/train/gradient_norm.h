// The global norm of a step's gradient, and clipping by it.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "parallel/communicator.h"
#include "train/parameter_chunks.h"

namespace kohort::train {

// The sum of squares in double, in an order that follows from `count` alone.
double sum_of_squares(const float* values, std::int64_t count);

// Collective. The Euclidean norm over all tensors, alike on all ranks: each computes the chunks of its own share (of
// `shares`, one a rank) with `threads` threads, and all add the chunks' sums in their order, so that the result does
// not depend on the number of ranks. Only the own share of `gradients` is read.
double global_norm(parallel::Communicator& comm, const std::vector<torch::Tensor>& gradients, const ParameterChunks& chunks,
                   const std::vector<parallel::Range>& shares, int threads);

// What gradients are multiplied with so that their norm is at most `clip` (<= 0: no limit).
double clip_factor(double norm, double clip);

}  // namespace kohort::train

// Cross entropies of many anchors over many candidates, without the table of all their scores: in blocks of anchors, which
// threads share, and ranks too where there are many. Written out rather than left to autograd, so that memory does not grow
// with anchors times candidates. All ranks come to the same bits however the blocks are dealt out.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>

#include "parallel/communicator.h"

namespace kohort::train {

// Which candidates are no negatives of the anchors from `first` on: [last - first, candidates] bool. Thread-safe.
using Exclusion = std::function<torch::Tensor(std::int64_t first, std::int64_t last)>;

// Who computes. All ranks of `comm`, where it is given, call with the same tensors.
struct LossWorkers {
    parallel::Communicator* comm = nullptr;
    int threads = 1;
};

struct SoftmaxLoss {
    double loss = 0;    // mean over the anchors
    double chance = 0;  // what it is where all scores are equal
    torch::Tensor of_anchors, of_candidates, of_own;  // dloss / d of each, double
};

// anchors [N, d], candidates [M, d]: double, rows of length 1, on the CPU. own [N]: the score of each anchor's own candidate,
// which is number target [N] (int64) and stands in for their product. An anchor's loss is the cross entropy of its own among
// all that are not excluded and do not score higher than its own + margin, by scores / temperature.
SoftmaxLoss softmax_loss(const torch::Tensor& anchors, const torch::Tensor& candidates, const torch::Tensor& own, const torch::Tensor& target,
                         const Exclusion& excluded, double temperature, double margin, const LossWorkers& workers);

}  // namespace kohort::train

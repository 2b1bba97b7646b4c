// The contrastive loss of a step and its gradient with respect to the text vectors: InfoNCE in both directions
// between the two sides of each user (van den Oord et al. 2018; symmetric as in Radford et al. 2021, figure 3).
// All ranks compute it from the same gathered vectors, in double and in the canonical order.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace kohort::train {

struct ContrastiveLoss {
    double loss = 0;         // mean over the users and the two directions
    double accuracy = 0;     // share of first sides whose nearest second side is their own
    torch::Tensor gradient;  // [N, d] fp32, dloss / dvectors
};

// vectors [N, d] on the CPU: for each sample in turn, per_sample[i] (even) vectors, the first half one side. A side's
// vector is the mean of its vectors, scaled to length 1. `users` [B] tells samples of the same user apart from
// negatives: another sample of the same user is not one. temperature > 0.
ContrastiveLoss contrastive_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample,
                                 const std::vector<std::int64_t>& users, double temperature);

}  // namespace kohort::train

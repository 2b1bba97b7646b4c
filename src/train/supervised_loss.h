// The loss of classifying a step's users by their labels, and its gradients with respect to the text vectors and the head.
// All ranks compute it from the same gathered vectors, in double and in the canonical order.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "train/objective.h"

namespace kohort::train {

struct SupervisedLoss {
    double loss = 0;         // one label a user: mean cross-entropy; several: mean binary cross-entropy over users and labels
    Score score;             // of the most likely label, or of those of a probability over one half
    torch::Tensor gradient;  // [N, d] fp32, dloss / dvectors
    torch::Tensor weight_gradient, bias_gradient;  // [labels, d] and [labels], fp32
};

// vectors [N, d] on the CPU: for each user in turn, per_sample[i] vectors; the user's vector is their mean, scaled to length
// 1, as in contrastive training. labels[i]: what the user has, of [0, labels); one each unless `multi_label`.
SupervisedLoss supervised_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample,
                               const std::vector<std::vector<std::int32_t>>& labels, const torch::Tensor& weight,
                               const torch::Tensor& bias, bool multi_label);

}  // namespace kohort::train

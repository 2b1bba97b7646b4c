// The contrastive loss of a step and its gradient with respect to the text vectors: InfoNCE in both directions
// between the two sides of each user (van den Oord et al. 2018; symmetric as in Radford et al. 2021, figure 3).
// All ranks come to it from the same gathered vectors, in double and in the canonical order.
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <vector>

#include "train/softmax_loss.h"

namespace kohort::train {

struct ContrastiveLoss {
    double loss = 0;         // mean over the users and the two directions
    double chance = 0;       // what it is where all vectors are equal
    torch::Tensor gradient;  // [N, d] fp32, dloss / dvectors
};

// Which samples are no negatives of each other (symmetric, no sample of itself): those of equal `users` [B] and, where `sides`
// [B] are given (SideKeys), those of which any side is equal to any side of the other: of two equal queries, the item of
// either fits both.
using SideKeys = std::array<std::int64_t, 2>;
Exclusion no_negatives(const std::vector<std::int64_t>& users, const std::vector<SideKeys>& sides);

// vectors [N, d] on the CPU: for each sample in turn, per_sample[i] (even) vectors, the first half one side. A side's
// vector is the mean of its vectors, scaled to length 1. `excluded`: as no_negatives() gives it. margin >= 0: nor is a
// negative what scores higher than the pair's own cosine + margin, as it is likely to belong there too (Solatorio 2024,
// "GISTEmbed", section 3; here the model is its own guide); from 2 on there is none such. temperature > 0.
ContrastiveLoss contrastive_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample,
                                 const Exclusion& excluded, double temperature, double margin = 2, const LossWorkers& workers = {});

}  // namespace kohort::train

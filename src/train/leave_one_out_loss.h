// The contrastive loss of single texts against users: each text is told apart from all users' texts by the rest of its
// own user's (Wan et al. 2018, "Generalized end-to-end loss for speaker verification", equations 6 and 9: the softmax
// loss with the text left out of its own user's mean). Every text is an anchor, and what it is compared with is the
// mean of many, so a user's stray texts count little.
#pragma once

#include "train/contrastive_loss.h"

namespace kohort::train {

// What is no negative of what, [N, B] in all: for each of the N texts in turn, the samples of the same user but its own,
// and, where `texts` (a key of each text, by sample) are given, those that have an equal text.
Exclusion no_negatives_of_texts(const std::vector<std::int64_t>& users, const std::vector<std::int32_t>& per_sample,
                                const std::vector<std::vector<std::int64_t>>& texts);

// The loss of what was left out of a text: it is told from all N texts, where its own is what was kept of it, by cosines /
// temperature. parts [B, d] on the CPU: of each sample's first text. Another sample's text of the same user, and one with an
// equal key (`texts` as above), are no negatives.
struct LeftOutLoss {
    double loss = 0;            // mean over the samples
    double chance = 0;          // what it is where all vectors are equal
    torch::Tensor of_vectors;   // [N, d] fp32, dloss / dvectors
    torch::Tensor of_parts;     // [B, d] fp32
};
LeftOutLoss left_out_loss(const torch::Tensor& vectors, const torch::Tensor& parts, const std::vector<std::int64_t>& users,
                          const std::vector<std::int32_t>& per_sample, const std::vector<std::vector<std::int64_t>>& texts,
                          double temperature, const LossWorkers& workers = {});

// vectors [N, d] on the CPU: for each sample in turn, per_sample[i] >= 2 vectors. A text's loss is the cross entropy of its
// own sample among all, by cosines / temperature; its own sample's vector is the mean of its other vectors. `excluded`: as
// no_negatives_of_texts() gives it; margin: as for contrastive_loss().
ContrastiveLoss leave_one_out_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample,
                                   const Exclusion& excluded, double temperature, double margin = 2, const LossWorkers& workers = {});

}  // namespace kohort::train

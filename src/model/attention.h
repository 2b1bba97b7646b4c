// Attention with or without dropped probabilities: the fused path stays wherever nothing is dropped.
#pragma once

#include <torch/torch.h>

#include "model/dropout.h"
#include "model/torch_compat.h"

namespace kohort::model {

// softmax(q kᵀ / sqrt(d) + bias) v for query [B, heads, T, d], key and value [B, heads, S, d], its probabilities dropped at a
// site where there is a source -> [B, heads, T, d]. bias: what can be added to [B, heads, T, S], or undefined.
inline torch::Tensor attend(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                            const torch::Tensor& bias, DropoutSource* dropout, int layer, DropoutSite site) {
    if (!dropout) return compat::attend(query, key, value, bias);
    const auto probabilities = compat::attention_probabilities(query, key, bias);
    const auto mask = dropout->scaled_mask(layer, site, probabilities.sizes());
    return torch::matmul(probabilities * mask.to(probabilities.device(), probabilities.scalar_type()), compat::for_attention(value)).to(value.scalar_type());
}

}  // namespace kohort::model

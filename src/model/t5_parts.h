// What T5's encoder and decoder are both made of.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>

#include "model/layers.h"
#include "model/t5_config.h"

namespace kohort::model {

// Scales to a root mean square of one; no mean is taken off (Zhang and Sennrich 2019).
struct T5Norm {
    torch::Tensor weight;
    double epsilon = 1e-6;
    T5Norm() = default;
    T5Norm(ParameterList& list, const std::string& name, const T5Config& config);
    torch::Tensor operator()(const torch::Tensor& x) const;  // of the weight's type, whatever x is of
};

// Without a bias, as all layers here.
Linear t5_linear(ParameterList& list, const std::string& name, std::int64_t out, std::int64_t in);

struct T5FeedForward {
    Linear intermediate, gate, output;  // gate: empty where the layer has none
    bool gated = false;
    T5FeedForward() = default;
    T5FeedForward(ParameterList& list, const std::string& name, const T5Config& config);
    torch::Tensor inner(const torch::Tensor& x) const;  // before the output's product
};

// The residual stream, of weights of any type: float32 at least, since nothing scales the sum down from block to block and
// bf16 would lose what is added.
torch::Tensor t5_stream(const torch::Tensor& x);

// What attention adds for the distance from each token to each other one, [1, heads, T, T], from the table [buckets, heads].
// Distances share buckets (section 2.1 of the paper): single ones near by, then ever wider ranges up to the largest distance.
// both_ways: half of the buckets are for what comes later; else what comes later counts as distance 0.
torch::Tensor t5_position_bias(const torch::Tensor& table, const T5Config& config, std::int64_t longest, bool both_ways);

// The same of an encoder (both ways) by distance alone, for row_attention.h: fp32 [heads, distance_values(longest)].
torch::Tensor t5_distance_bias(const torch::Tensor& table, const T5Config& config, std::int64_t longest);

}  // namespace kohort::model

// Low-rank adaptation (Hu et al. 2021, section 4.1): a weight W [out, in] stays as it is, and W + (alpha / r) B A is used, of
// which B [out, r] and A [r, in] alone are trained. B starts at zero, so that training starts from the given model.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/layers.h"
#include "train/lora_options.h"

namespace kohort::train {

// One adapted weight of an encoder.
struct LoraTarget {
    std::size_t tensor;  // its place among the encoder's parameters
    std::string module;  // its name without ".weight"
    bool transposed;     // stored as [in, out], as GPT-2 does
};

// The weights of the encoder's linear layers that `targets` names, by Hugging Face's names for every family, in the order of
// `parameters`. Error(usage) where there are none.
std::vector<LoraTarget> lora_targets(const std::vector<model::Parameter>& parameters, LoraTargets targets);

// A and B of a target over `weight` (fp32): A of normal numbers with variance 1 / in, a function of seed, name and element;
// B zero. On the weight's device.
struct LoraPair {
    model::Parameter a, b;
};
LoraPair fresh_pair(const LoraTarget& target, const torch::Tensor& weight, std::int64_t rank, std::uint64_t seed);

// weight + scale B A in fp32, stored as the weight is.
torch::Tensor adapted(const LoraTarget& target, const torch::Tensor& weight, const torch::Tensor& a, const torch::Tensor& b, double scale);

struct AdapterWeights {
    LoraOptions options;
    std::vector<LoraTarget> targets;
    std::vector<model::Parameter> parameters;  // for each target A, then B
};

}  // namespace kohort::train

// What a parameter's name says about its update: whether it decays, and what share of the learning rate it gets.
#pragma once

#include <vector>

#include "model/layers.h"

namespace kohort::train {

struct ParameterRule {
    bool decays = true;
    double rate_share = 1;  // of the step's learning rate
};

// Decay is for weight matrices and embeddings: not for biases, T5's tables of relative ones among them, nor for the
// scales and shifts of norms.
bool decays(const model::Parameter& parameter);

// A rule for each parameter, by the names of every family (encoder.layer.N, h.N, encoder.block.N). A layer's share is
// layer_decay to the power of its distance from the last layer; embeddings lie below the first one; what comes after
// the last layer (final norms, heads, decoders) gets the whole rate. As in fine-tuning ELECTRA (Clark et al. 2020,
// table 7) and BEiT (Bao et al. 2022, appendix H).
std::vector<ParameterRule> parameter_rules(const std::vector<model::Parameter>& parameters, double layer_decay);

}  // namespace kohort::train

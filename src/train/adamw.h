// AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), and clipping by the global norm.
// Every element's update depends on that element alone, so threads and chunks change nothing.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/layers.h"

namespace kohort::train {

struct AdamWOptions {
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    double weight_decay = 0.01;
};

// Decay is for weight matrices: not for biases, nor for LayerNorm's scales and shifts.
bool decays(const model::Parameter& parameter);

// The Euclidean norm over all tensors, summed in double in a fixed order.
double global_norm(const std::vector<torch::Tensor>& gradients);

// What gradients are multiplied with so that their norm is at most `clip` (<= 0: no limit).
double clip_factor(double norm, double clip);

class AdamW {
  public:
    AdamW(std::vector<model::Parameter> parameters, const AdamWOptions& options);

    // Updates the parameters in place with gradients * gradient_factor (the gradients are overwritten).
    void step(const std::vector<torch::Tensor>& gradients, double gradient_factor, double learning_rate, int threads);

    std::int64_t steps() const { return steps_; }
    void set_steps(std::int64_t steps) { steps_ = steps; }
    // The running means of gradients and of their squares, as the parameters are shaped; part of a checkpoint.
    const std::vector<torch::Tensor>& first_moments() const { return first_; }
    const std::vector<torch::Tensor>& second_moments() const { return second_; }

  private:
    std::vector<model::Parameter> parameters_;
    AdamWOptions options_;
    std::vector<torch::Tensor> first_, second_;
    std::int64_t steps_ = 0;
};

}  // namespace kohort::train

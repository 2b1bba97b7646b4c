// AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), for all parameters or for a
// rank's share of them. Every element's update depends on that element alone, so threads, chunks and shares change
// nothing.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "model/layers.h"
#include "train/parameter_chunks.h"
#include "train/parameter_rules.h"

namespace kohort::train {

struct AdamWOptions {
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    double weight_decay = 0.01;
};

class AdamW {
  public:
    // Updates the chunks of `share`, and has moments for those alone. A rule for each parameter.
    AdamW(std::vector<model::Parameter> parameters, const ParameterChunks& chunks, const parallel::Range& share,
          std::vector<ParameterRule> rules, const AdamWOptions& options);

    // Updates the share in place with gradients * gradient_factor (the share's gradients are overwritten; no others are
    // read).
    void step(const std::vector<torch::Tensor>& gradients, double gradient_factor, double learning_rate, int threads);

    void set_steps(std::int64_t steps) { steps_ = steps; }
    // The share's elements, as a run of the long vector of all parameters.
    const parallel::Range& elements() const { return elements_; }
    // The running means of gradients and of their squares: flat, one value for each element of the share. Part of a
    // checkpoint.
    const torch::Tensor& first_moments() const { return first_; }
    const torch::Tensor& second_moments() const { return second_; }

  private:
    std::vector<model::Parameter> parameters_;
    ParameterChunks chunks_;
    parallel::Range share_, elements_;
    std::vector<ParameterRule> rules_;
    AdamWOptions options_;
    torch::Tensor first_, second_;
    std::int64_t steps_ = 0;
};

}  // namespace kohort::train

// Activation checkpointing (Chen et al. 2016, section 4): what a part of a model computes on its way from inputs to
// output is not kept for the backward pass but computed again there. It takes a third more time, and the memory of one
// part instead of all.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <string_view>
#include <vector>

#include "model/layers.h"

namespace kohort::model {

using ModelPart = std::function<torch::Tensor(const std::vector<torch::Tensor>& inputs)>;

// compute(inputs), with the same bits and the same gradients as without checkpointing. `weights` are all other tensors
// that compute() takes gradients to; one that is left out gets none. compute() runs a second time in the backward pass,
// so what it refers to must live until then, and it must give the same result again.
torch::Tensor checkpointed(const std::vector<torch::Tensor>& inputs, const std::vector<torch::Tensor>& weights, ModelPart compute);

// A model whose forward() keeps the activations of each layer for the backward pass, or computes them again there; never
// changes a result. The model, and the dropout source given to forward(), must then live until after the backward pass.
class CheckpointedModel {
  public:
    void checkpoint_activations(bool on) { checkpoints_ = on; }

  protected:
    bool checkpoints_here() const { return checkpoints_ && torch::GradMode::is_enabled(); }

  private:
    bool checkpoints_ = false;
};

// The values of those parameters whose names begin with `prefix`.
std::vector<torch::Tensor> values_under(const std::vector<Parameter>& parameters, std::string_view prefix);

}  // namespace kohort::model

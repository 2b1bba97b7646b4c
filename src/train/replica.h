// What one micro-batch is computed with. Its weights are leaves of its own, so that micro-batches in flight never meet
// in one .grad, and each gradient goes to the step's sums as soon as the backward pass is through with its weight.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "train/gradient_reducer.h"
#include "train/trained_model.h"

namespace kohort::train {

class Replica {
  public:
    // Both must outlive it. Without `sums` there are no gradients, and backward() must not be called.
    Replica(const TrainedModel& model, GradientReducer* sums);
    Replica(const Replica&) = delete;
    Replica& operator=(const Replica&) = delete;

    const model::Encoder& encoder() const { return *instance_.encoder; }
    const model::Head* head() const { return instance_.head.get(); }

    // Adds dsum(outputs * output_gradients)/dweights to the sums and passes every weight; frees the graph. Once only.
    void backward(const torch::Tensor& outputs, const torch::Tensor& output_gradients);

  private:
    TrainedModel::Instance instance_;
    GradientReducer* sums_;
    std::vector<char> passed_;  // [leaves]
    std::vector<std::shared_ptr<torch::autograd::Node>> accumulators_;  // a leaf itself holds its accumulator weakly
};

}  // namespace kohort::train

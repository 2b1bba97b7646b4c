#include "train/replica.h"

#include <torch/csrc/autograd/utils/lambda_post_hook.h>

namespace kohort::train {

Replica::Replica(const TrainedModel& model, GradientReducer* sums) : instance_(model.instance(sums != nullptr)), sums_(sums), passed_(instance_.leaves.size(), 0) {
    if (!sums) return;
    for (std::size_t t = 0; t < instance_.leaves.size(); ++t) {
        using torch::autograd::variable_list;
        auto accumulator = torch::autograd::impl::grad_accumulator(instance_.leaves[t]);
        accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
            [this, t](const variable_list& outputs, const variable_list&) {
                torch::Tensor& leaf = instance_.leaves[t];
                sums_->add(t, leaf.grad());
                leaf.mutable_grad().reset();
                sums_->passed(t);
                passed_[t] = 1;
                return outputs;
            }));
        accumulators_.push_back(std::move(accumulator));
    }
}

void Replica::backward(const torch::Tensor& outputs, const torch::Tensor& output_gradients) {
    torch::autograd::backward({outputs}, {output_gradients});
    for (std::size_t t = 0; t < passed_.size(); ++t)
        if (!passed_[t]) sums_->passed(t);  // a weight that this micro-batch has not used
}

}  // namespace kohort::train

#include "train/objective.h"

namespace kohort::train {

std::vector<std::int64_t> own_micro_batches(const StepContext& step) {
    std::vector<std::int64_t> own;
    const auto& all = step.sequences.micro_batches;
    for (std::size_t m = 0; m < all.size(); ++m)
        if (all[m].rank == step.comm.rank()) own.push_back(static_cast<std::int64_t>(m));
    return own;
}

model::TokenBatch make_micro_batch(const StepContext& step, const std::vector<Sequence>& rows) {
    return model::make_batch(rows, step.encoder.config().pad_token_id, step.encoder.device());
}

void add_gradients(const StepContext& step, const torch::Tensor& outputs, const torch::Tensor& output_gradients) {
    // Never .grad: micro-batches in flight would add to it in the order they happen to end.
    const auto gradients = torch::autograd::grad({outputs}, step.weights, {output_gradients}, /*retain_graph=*/false,
                                                 /*create_graph=*/false, /*allow_unused=*/true);
    for (std::size_t t = 0; t < gradients.size(); ++t) step.gradients.add(t, gradients[t]);
}

}  // namespace kohort::train

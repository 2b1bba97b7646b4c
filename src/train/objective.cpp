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
    return model::make_batch(rows, step.model.sizes().padding, step.model.device());
}

std::optional<DropoutMasks> dropout_masks(const StepContext& step, std::int64_t m) {
    if (step.options.dropout <= 0) return std::nullopt;
    return DropoutMasks(step.options.seed, step.sequences.step, step.options.dropout,
                        step.sequences.micro_batches[static_cast<std::size_t>(m)].sequences);
}

}  // namespace kohort::train

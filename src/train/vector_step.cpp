#include "train/vector_step.h"

#include "base/worker_threads.h"
#include "parallel/collectives.h"

namespace kohort::train {
namespace {

torch::Tensor places_of(const StepContext& step, std::int64_t m) {
    return torch::tensor(step.sequences.micro_batches[static_cast<std::size_t>(m)].sequences, torch::kInt);
}

torch::Tensor embed(const StepContext& step, const Replica& replica, std::int64_t m) {
    const torch::AutoGradMode mode(step.gradients != nullptr);
    const auto& rows = step.sequences.ids[static_cast<std::size_t>(m)];
    const auto batch = make_micro_batch(step, rows);
    auto masks = dropout_masks(step, m);
    const auto hidden = replica.encoder().forward(batch, masks ? &*masks : nullptr);
    const auto pooled =
        step.options.pooling == Pooling::mean ? model::mean_pool(hidden, batch.lengths) : model::cls_pool(hidden);
    return torch::nn::functional::normalize(pooled, torch::nn::functional::NormalizeFuncOptions().dim(1));
}

// All vectors of the step [N, H] on the CPU, in canonical order.
torch::Tensor gather(const StepContext& step, const std::vector<torch::Tensor>& vectors) {
    const torch::NoGradGuard no_grad;
    const std::int64_t width = step.model.sizes().hidden;
    std::vector<torch::Tensor> parts{torch::empty({0, width})};
    for (const torch::Tensor& part : vectors) parts.push_back(part.detach().cpu());
    const auto mine = torch::cat(parts).contiguous();
    const auto size = static_cast<std::size_t>(mine.numel());
    auto received = parallel::all_gather(step.comm, std::span<const float>(mine.data_ptr<float>(), size));

    // The ranks' vectors lie one after another, each rank's micro-batches in the order of the plan.
    std::vector<std::int64_t> order;
    const auto& plan = step.sequences.micro_batches;
    for (int rank = 0; rank < step.comm.size(); ++rank)
        for (const MicroBatch& micro_batch : plan)
            if (micro_batch.rank == rank) order.insert(order.end(), micro_batch.sequences.begin(), micro_batch.sequences.end());
    auto all = torch::empty({step.sequences.count(), width});
    all.index_copy_(0, torch::tensor(order, torch::kLong), torch::from_blob(received.data(), {step.sequences.count(), width}));
    return all;
}

}  // namespace

void carry_back(const StepContext& step, const std::function<torch::Tensor(const torch::Tensor& vectors)>& gradient_of) {
    const auto own = own_micro_batches(step);
    std::vector<std::unique_ptr<Replica>> replicas(own.size());
    std::vector<torch::Tensor> vectors(own.size());  // [rows, H] each, with its graph
    base::parallel_for(step.options.threads, std::ssize(own), [&](std::int64_t index) {
        step.comm.check_peers();
        const auto i = static_cast<std::size_t>(index);
        replicas[i] = std::make_unique<Replica>(step.model, step.gradients);
        vectors[i] = embed(step, *replicas[i], own[i]);
    });
    const auto gradient = gradient_of(gather(step, vectors));
    if (!step.gradients) return;
    base::parallel_for(step.options.threads, std::ssize(own), [&](std::int64_t index) {
        step.comm.check_peers();
        const auto i = static_cast<std::size_t>(index);
        replicas[i]->backward(vectors[i], gradient.index_select(0, places_of(step, own[i])).to(vectors[i].device()));
        vectors[i].reset();
        replicas[i].reset();
    });
}

}  // namespace kohort::train

#include "train/vector_step.h"

#include <memory>
#include <optional>

#include "base/kept_memory.h"
#include "base/memory.h"
#include "base/worker_threads.h"
#include "parallel/collectives.h"

namespace kohort::train {
namespace {

torch::Tensor places_of(const StepContext& step, std::int64_t m) {
    return torch::tensor(step.sequences.micro_batches[static_cast<std::size_t>(m)].sequences, torch::kInt);
}

torch::Tensor pool(Pooling pooling, const torch::Tensor& hidden, const torch::Tensor& lengths) {
    switch (pooling) {
        case Pooling::cls: return model::cls_pool(hidden);
        case Pooling::last: return model::last_pool(hidden, lengths);
        case Pooling::mean: break;
    }
    return model::mean_pool(hidden, lengths);
}

// One micro-batch's vectors [rows, H], and what their backward pass needs; without `gradients` it has none.
struct Embedded {
    Embedded(const StepContext& step, GradientReducer* gradients, std::int64_t m)
        : replica(step.model, gradients), masks(dropout_masks(step, m)) {
        // A graph exists where a weight wants a gradient. The mode is always on, since kernels are chosen by it and both
        // passes of gradient caching must come to the same vectors.
        const torch::AutoGradMode mode(true);
        const auto batch = make_micro_batch(step, step.sequences.ids[static_cast<std::size_t>(m)]);
        const auto hidden = replica.encoder().forward(batch, masks ? &*masks : nullptr);
        vectors = torch::nn::functional::normalize(pool(step.options.pooling, hidden, batch.lengths),
                                                   torch::nn::functional::NormalizeFuncOptions().dim(1));
    }
    Replica replica;
    std::optional<DropoutMasks> masks;
    torch::Tensor vectors;
};

bool caches(const StepContext& step, const std::vector<std::int64_t>& own) {
    if (step.options.gradient_caching != Choice::automatic) return step.options.gradient_caching == Choice::on;
    // Korthikanti et al. 2022, section 4.1: a layer keeps 34 bytes for each token and unit of width in 16-bit numbers;
    // twice that in fp32. With checkpointing it keeps its input.
    double tokens = 0;
    for (const std::int64_t m : own) {
        const auto& plan = step.sequences.micro_batches[static_cast<std::size_t>(m)];
        tokens += static_cast<double>(plan.rows() * plan.longest);
    }
    const double each = step.options.activation_checkpointing ? 4 : step.options.precision == model::Precision::bf16 ? 34 : 68;
    const auto sizes = step.model.sizes();
    const double kept = tokens * each * static_cast<double>(sizes.layers * sizes.hidden);
    const auto free = static_cast<double>(base::available_memory()) + static_cast<double>(base::kept_memory());
    return free > 0 && kept > free / 4 / step.comm.topology().local_size;
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
    const bool keep = step.gradients && !caches(step, own);
    std::vector<std::unique_ptr<Embedded>> kept(own.size());
    std::vector<torch::Tensor> vectors(own.size());  // [rows, H] each
    base::parallel_for(step.options.threads, std::ssize(own), [&](std::int64_t index) {
        step.comm.check_peers();
        const auto i = static_cast<std::size_t>(index);
        auto embedded = std::make_unique<Embedded>(step, keep ? step.gradients : nullptr, own[i]);
        vectors[i] = embedded->vectors.detach();
        if (keep) kept[i] = std::move(embedded);
    });
    const auto gradient = gradient_of(gather(step, vectors));
    if (!step.gradients) return;
    base::parallel_for(step.options.threads, std::ssize(own), [&](std::int64_t index) {
        step.comm.check_peers();
        const auto i = static_cast<std::size_t>(index);
        const auto embedded = keep ? std::move(kept[i]) : std::make_unique<Embedded>(step, step.gradients, own[i]);
        embedded->replica.backward(embedded->vectors, gradient.index_select(0, places_of(step, own[i])).to(embedded->vectors.device()));
    });
}

}  // namespace kohort::train

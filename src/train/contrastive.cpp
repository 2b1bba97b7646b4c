// The contrastive objective over all ranks: every rank embeds its micro-batches and keeps their graphs, the vectors
// (not the texts) are gathered, every rank computes the same loss and its gradient by vector, and then each
// micro-batch carries its vectors' gradients back to the weights. So all of a step's users are each other's
// negatives, however many ranks share the work.
#include "base/worker_threads.h"
#include "parallel/collectives.h"
#include "train/contrastive_loss.h"
#include "train/objective.h"

namespace kohort::train {
namespace {

class Contrastive : public Objective {
  public:
    explicit Contrastive(const TrainOptions& options)
        : draw_{options.seed, options.side_events, options.drop_tokens, options.max_tokens} {}

    std::string_view name() const override { return "contrastive"; }
    SampleUnit unit() const override { return SampleUnit::user; }
    std::vector<Sequence> draw(const TokenStore& store, std::int64_t sample, std::int64_t position) const override {
        return draw_sides(store, sample, position, draw_);
    }

    StepResult compute(const StepContext& step) override {
        const auto own = own_micro_batches(step);
        std::vector<std::unique_ptr<Replica>> replicas(own.size());
        std::vector<torch::Tensor> vectors(own.size());  // [rows, H] each, with its graph
        base::parallel_for(step.options.threads, std::ssize(own), [&](std::int64_t index) {
            step.comm.check_peers();
            const auto i = static_cast<std::size_t>(index);
            replicas[i] = std::make_unique<Replica>(step.model, step.gradients);
            vectors[i] = embed(step, *replicas[i], own[i]);
        });
        const auto all = gather(step, vectors);
        const ContrastiveLoss loss =
            contrastive_loss(all, step.sequences.per_sample, step.sequences.samples, step.options.temperature);
        if (step.gradients)
            base::parallel_for(step.options.threads, std::ssize(own), [&](std::int64_t index) {
                step.comm.check_peers();
                const auto i = static_cast<std::size_t>(index);
                replicas[i]->backward(vectors[i], loss.gradient.index_select(0, places_of(step, own[i])).to(vectors[i].device()));
                vectors[i].reset();
                replicas[i].reset();
            });
        return {loss.loss, std::ssize(step.sequences.samples)};
    }

  private:
    static torch::Tensor places_of(const StepContext& step, std::int64_t m) {
        return torch::tensor(step.sequences.micro_batches[static_cast<std::size_t>(m)].sequences, torch::kInt);
    }

    static torch::Tensor pool(Pooling pooling, const torch::Tensor& hidden, const torch::Tensor& lengths) {
        switch (pooling) {
            case Pooling::cls: return model::cls_pool(hidden);
            case Pooling::last: return model::last_pool(hidden, lengths);
            case Pooling::mean: break;
        }
        return model::mean_pool(hidden, lengths);
    }

    static torch::Tensor embed(const StepContext& step, const Replica& replica, std::int64_t m) {
        const torch::AutoGradMode mode(step.gradients != nullptr);
        const auto& rows = step.sequences.ids[static_cast<std::size_t>(m)];
        const auto batch = make_micro_batch(step, rows);
        auto masks = dropout_masks(step, m);
        const auto hidden = replica.encoder().forward(batch, masks ? &*masks : nullptr);
        return torch::nn::functional::normalize(pool(step.options.pooling, hidden, batch.lengths), torch::nn::functional::NormalizeFuncOptions().dim(1));
    }

    // All vectors of the step [N, H] on the CPU, in canonical order.
    static torch::Tensor gather(const StepContext& step, const std::vector<torch::Tensor>& vectors) {
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

    DrawOptions draw_;
};

}  // namespace

std::unique_ptr<Objective> make_contrastive_objective(const TrainOptions& options) {
    return std::make_unique<Contrastive>(options);
}

}  // namespace kohort::train

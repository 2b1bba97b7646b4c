// The contrastive objective over all ranks: all of a step's users are each other's negatives, however many ranks share
// the work.
#include "train/contrastive_loss.h"
#include "train/objective.h"
#include "train/vector_step.h"

namespace kohort::train {
namespace {

class Contrastive : public Objective {
  public:
    explicit Contrastive(const TrainOptions& options)
        : draw_{options.seed, options.side_events, options.drop_tokens, options.max_tokens, options.pairs},
          false_negatives_(options.false_negatives) {}

    std::string_view name() const override { return "contrastive"; }
    SampleUnit unit() const override { return SampleUnit::user; }
    std::vector<Sequence> draw(const TokenStore& store, std::int64_t sample, std::int64_t position) const override {
        return draw_sides(store, sample, position, draw_);
    }
    std::vector<std::int32_t> note(const TokenStore& store, std::int64_t sample, std::int64_t position) const override {
        if (false_negatives_ == FalseNegatives::users) return {};
        std::vector<std::int32_t> halves;
        for (const std::int64_t key : side_keys(store, sample, position, draw_)) {
            halves.push_back(static_cast<std::int32_t>(key >> 32));
            halves.push_back(static_cast<std::int32_t>(key & 0xFFFFFFFF));
        }
        return halves;
    }

    StepResult compute(const StepContext& step) override {
        const auto excluded = no_negatives(step.sequences.samples, noted_sides(step));
        double loss = 0;
        carry_back(step, [&](const torch::Tensor& vectors) {
            const auto result = contrastive_loss(vectors, step.sequences.per_sample, excluded, step.options.temperature,
                                                 step.options.false_negative_margin);
            loss = result.loss;
            return result.gradient;
        });
        return {loss, std::ssize(step.sequences.samples), {}};
    }

  private:
    std::vector<SideKeys> noted_sides(const StepContext& step) const {
        std::vector<SideKeys> sides;
        if (false_negatives_ == FalseNegatives::users) return sides;
        const auto key = [](std::int32_t high, std::int32_t low) {
            return static_cast<std::int64_t>((static_cast<std::uint64_t>(static_cast<std::uint32_t>(high)) << 32) | static_cast<std::uint32_t>(low));
        };
        for (const auto& note : step.sequences.notes) sides.push_back({key(note.at(0), note.at(1)), key(note.at(2), note.at(3))});
        return sides;
    }

    DrawOptions draw_;
    FalseNegatives false_negatives_;
};

}  // namespace

std::unique_ptr<Objective> make_contrastive_objective(const TrainOptions& options) {
    return std::make_unique<Contrastive>(options);
}

}  // namespace kohort::train

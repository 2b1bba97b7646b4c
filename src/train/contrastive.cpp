// The contrastive objective over all ranks: all of a step's users are each other's negatives, however many ranks share
// the work.
#include "train/contrastive_loss.h"
#include "train/leave_one_out_loss.h"
#include "train/objective.h"
#include "train/vector_step.h"

namespace kohort::train {
namespace {

// A note is made of 32-bit numbers.
void note_key(std::int64_t key, std::vector<std::int32_t>& note) {
    note.push_back(static_cast<std::int32_t>(key >> 32));
    note.push_back(static_cast<std::int32_t>(key & 0xFFFFFFFF));
}

std::vector<std::int64_t> noted_keys(const std::vector<std::int32_t>& note) {
    std::vector<std::int64_t> keys;
    for (std::size_t i = 0; i + 1 < note.size(); i += 2)
        keys.push_back(static_cast<std::int64_t>((static_cast<std::uint64_t>(static_cast<std::uint32_t>(note[i])) << 32) |
                                                 static_cast<std::uint32_t>(note[i + 1])));
    return keys;
}

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
        std::vector<std::int32_t> note;
        if (false_negatives_ == FalseNegatives::users) return note;
        if (draw_.pairs == PairKind::rest)
            for (const std::int64_t key : text_keys(store, sample, position, draw_)) note_key(key, note);
        else
            for (const std::int64_t key : side_keys(store, sample, position, draw_)) note_key(key, note);
        return note;
    }

    StepResult compute(const StepContext& step) override {
        const auto excluded = excluded_of(step);
        const auto loss_of = draw_.pairs == PairKind::rest ? leave_one_out_loss : contrastive_loss;
        double loss = 0;
        carry_back(step, [&](const torch::Tensor& vectors) {
            const auto result = loss_of(vectors, step.sequences.per_sample, excluded, step.options.temperature,
                                        step.options.false_negative_margin);
            loss = result.loss;
            return result.gradient;
        });
        return {loss, std::ssize(step.sequences.samples), {}};
    }

  private:
    torch::Tensor excluded_of(const StepContext& step) const {
        std::vector<std::vector<std::int64_t>> noted;
        if (false_negatives_ == FalseNegatives::texts)
            for (const auto& note : step.sequences.notes) noted.push_back(noted_keys(note));
        if (draw_.pairs == PairKind::rest) return no_negatives_of_texts(step.sequences.samples, step.sequences.per_sample, noted);
        std::vector<SideKeys> sides;
        for (const auto& keys : noted) sides.push_back({keys.at(0), keys.at(1)});
        return no_negatives(step.sequences.samples, sides);
    }

    DrawOptions draw_;
    FalseNegatives false_negatives_;
};

}  // namespace

std::unique_ptr<Objective> make_contrastive_objective(const TrainOptions& options) {
    return std::make_unique<Contrastive>(options);
}

}  // namespace kohort::train

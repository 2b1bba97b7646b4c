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
        : draw_{options.seed, options.side_events, options.drop_tokens, options.max_tokens, options.pairs, options.left_out_weight > 0},
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
        std::vector<std::vector<std::int64_t>> keys;  // by sample
        if (false_negatives_ == FalseNegatives::texts)
            for (const auto& note : step.sequences.notes) keys.push_back(noted_keys(note));
        double loss = 0, chance = 0;
        carry_back(step, [&](const torch::Tensor& vectors) {
            const auto result = draw_.pairs == PairKind::rest ? against_the_rest(step, keys, vectors) : between_sides(step, keys, vectors);
            loss = result.loss, chance = result.chance;
            return result.gradient;
        });
        return {.loss = loss, .targets = std::ssize(step.sequences.samples), .chance = chance};
    }

  private:
    static ContrastiveLoss between_sides(const StepContext& step, const std::vector<std::vector<std::int64_t>>& keys, const torch::Tensor& vectors) {
        std::vector<SideKeys> sides;
        for (const auto& pair : keys) sides.push_back({pair.at(0), pair.at(1)});
        return contrastive_loss(vectors, step.sequences.per_sample, no_negatives(step.sequences.samples, sides), step.options.temperature,
                                step.options.false_negative_margin, {&step.comm, step.options.threads});
    }

    ContrastiveLoss against_the_rest(const StepContext& step, const std::vector<std::vector<std::int64_t>>& keys, const torch::Tensor& vectors) const {
        auto per_sample = step.sequences.per_sample;
        const auto loss_of = [&](const torch::Tensor& texts) {
            return leave_one_out_loss(texts, per_sample, no_negatives_of_texts(step.sequences.samples, per_sample, keys), step.options.temperature,
                                      step.options.false_negative_margin, {&step.comm, step.options.threads});
        };
        if (!draw_.left_out) return loss_of(vectors);
        // The last sequence of each sample is what was left out of its first.
        std::vector<std::int64_t> texts, parts;
        std::int64_t place = 0;
        for (std::int32_t& count : per_sample) {
            --count;
            for (std::int32_t i = 0; i < count; ++i) texts.push_back(place++);
            parts.push_back(place++);
        }
        const auto at_texts = torch::tensor(texts, torch::kLong), at_parts = torch::tensor(parts, torch::kLong);
        const auto wholes = vectors.index_select(0, at_texts);
        auto result = loss_of(wholes);
        const auto more = left_out_loss(wholes, vectors.index_select(0, at_parts), step.sequences.samples, per_sample, keys,
                                        step.options.temperature, {&step.comm, step.options.threads});
        const double weight = step.options.left_out_weight;
        result.loss += weight * more.loss;
        result.chance += weight * more.chance;
        result.gradient = torch::zeros_like(vectors)
                              .index_copy_(0, at_texts, result.gradient + weight * more.of_vectors)
                              .index_copy_(0, at_parts, weight * more.of_parts);
        return result;
    }

    DrawOptions draw_;
    FalseNegatives false_negatives_;
};

}  // namespace

std::unique_ptr<Objective> make_contrastive_objective(const TrainOptions& options) {
    return std::make_unique<Contrastive>(options);
}

}  // namespace kohort::train

// Causal language modelling over all ranks (Radford et al. 2019, section 2): each token is guessed from those before it,
// and the text's end too. The loss is the mean over all tokens of the step but each text's first. The scores are products
// with the word embeddings, so nothing is trained on top.
#include "base/error.h"
#include "model/encoder.h"
#include "train/mean_loss.h"
#include "train/objective.h"
#include "model/torch_compat.h"

namespace kohort::train {
namespace {

class CausalLanguage : public Objective {
  public:
    CausalLanguage(const TrainOptions& options, const model::EncoderSizes& sizes, const text::SpecialTokens& special, text::TokenId end)
        : max_tokens_(options.max_tokens), sizes_(sizes), classify_(special.classify), end_(end) {}

    std::string_view name() const override { return "causal_language"; }
    SampleUnit unit() const override { return SampleUnit::text; }
    // A text as encoding gives it to a model, but always closed.
    std::vector<Sequence> draw(const TokenStore& store, std::int64_t sample, std::int64_t) const override {
        const auto ids = store.ids_of_text(sample);
        Sequence sequence;
        if (classify_ >= 0) sequence.push_back(classify_);
        const auto room = std::max<std::int64_t>(max_tokens_ - std::ssize(sequence) - 1, 1);
        sequence.insert(sequence.end(), ids.begin(), ids.begin() + std::min<std::int64_t>(std::ssize(ids), room));
        sequence.push_back(end_);
        return {std::move(sequence)};
    }
    std::optional<model::HeadFormat> head_format() const override {
        const auto begin = std::to_string(classify_ >= 0 ? classify_ : end_);
        return model::HeadFormat{"GPT2LMHeadModel", "transformer.", {{"bos_token_id", begin}, {"eos_token_id", std::to_string(end_)}}};
    }

    double flops_of_target() const override { return 6 * static_cast<double>(sizes_.hidden * sizes_.vocabulary); }

    StepResult compute(const StepContext& step) override {
        const auto own = own_micro_batches(step);
        std::int64_t targets = 0;
        for (const std::int64_t m : own)
            for (const Sequence& row : step.sequences.ids[static_cast<std::size_t>(m)]) targets += std::ssize(row) - 1;
        return mean_over_targets(step, std::ssize(own), targets, [&](std::int64_t i, std::int64_t all) {
            return learn(step, own[static_cast<std::size_t>(i)], all);
        });
    }

  private:
    static double learn(const StepContext& step, std::int64_t m, std::int64_t all_targets) {
        const torch::AutoGradMode mode(true);  // kernels are chosen by it; a graph exists where a weight wants a gradient
        const auto& rows = step.sequences.ids[static_cast<std::size_t>(m)];
        Replica replica(step.model, step.gradients);
        const auto batch = make_micro_batch(step, rows);
        auto masks = dropout_masks(step, m);
        const auto hidden = replica.encoder().forward(batch, masks ? &*masks : nullptr);
        std::vector<std::int64_t> places, targets;  // row * longest + place of the token before the target
        for (std::size_t row = 0; row < rows.size(); ++row)
            for (std::size_t place = 1; place < rows[row].size(); ++place) {
                places.push_back(static_cast<std::int64_t>(row) * hidden.size(1) + static_cast<std::int64_t>(place) - 1);
                targets.push_back(rows[row][place]);
            }
        const auto chosen = hidden.flatten(0, 1).index_select(0, torch::tensor(places, torch::kLong).to(hidden.device()));
        return learn_targets(step, replica, model::compat::linear(chosen, replica.encoder().word_embeddings()), targets, all_targets);
    }

    std::int64_t max_tokens_;
    model::EncoderSizes sizes_;
    text::TokenId classify_, end_;
};

}  // namespace

std::unique_ptr<Objective> make_causal_language_objective(const TrainOptions& options, const model::EncoderSizes& sizes,
                                                          const text::SpecialTokens& special, const text::TextMarks& marks) {
    if (marks.end_of_text < 0)
        base::fail(base::ErrorKind::usage, "causal language modelling needs a token that closes a text; the tokenizer has no "
                   "[SEP], </s> or <|endoftext|>");
    return std::make_unique<CausalLanguage>(options, sizes, special, marks.end_of_text);
}

}  // namespace kohort::train

// The masked language objective over all ranks: the loss is the mean over all of the step's hidden tokens.
#include "base/error.h"
#include "model/mlm_head.h"
#include "model/weights.h"
#include "train/mean_loss.h"
#include "train/objective.h"
#include "train/token_masking.h"

namespace kohort::train {
namespace {

struct MaskedBatch {
    std::vector<Sequence> rows;
    std::vector<std::int64_t> flat_places;  // row * longest + place
    std::vector<std::int64_t> targets;
};

class MaskedLanguage : public Objective {
  public:
    MaskedLanguage(const TrainOptions& options, const model::ModelConfig& config, std::int64_t vocabulary,
                   const text::SpecialTokens& special)
        : max_tokens_(options.max_tokens), whole_words_(options.whole_words), mask_{options.seed, options.mask, vocabulary, special}, config_(config), seed_(options.seed) {}

    std::string_view name() const override { return "masked_language"; }
    SampleUnit unit() const override { return SampleUnit::text; }
    std::vector<Sequence> draw(const TokenStore& store, std::int64_t sample, std::int64_t) const override {
        return {whole_words_ && store.knows_words() ? draw_text_in_words(store, sample, max_tokens_) : draw_text(store, sample, max_tokens_)};
    }
    std::unique_ptr<model::Head> make_head(model::TensorSource source) const override {
        return std::make_unique<model::MlmHead>(config_, std::move(source));
    }
    model::TensorSource fresh_head() const override { return model::random_weights(config_, seed_); }

    std::optional<model::HeadFormat> head_format() const override {
        if (config_.model_type == "bert") return model::HeadFormat{"BertForMaskedLM", "bert.", {}};
        return model::HeadFormat{config_.model_type == "roberta" ? "RobertaForMaskedLM" : "XLMRobertaForMaskedLM", "roberta.", {}};
    }
    double flops_of_target() const override {
        return 6 * static_cast<double>(config_.hidden_size * (config_.hidden_size + config_.vocab_size));
    }

    StepResult compute(const StepContext& step) override {
        const auto own = own_micro_batches(step);
        std::vector<MaskedBatch> batches;
        std::int64_t targets = 0;
        for (const std::int64_t m : own) {
            batches.push_back(mask(step, m));
            targets += std::ssize(batches.back().targets);
        }
        return mean_over_targets(step, std::ssize(own), targets, [&](std::int64_t i, std::int64_t all) {
            return learn(step, own[static_cast<std::size_t>(i)], batches[static_cast<std::size_t>(i)], all);
        });
    }

  private:
    MaskedBatch mask(const StepContext& step, std::int64_t m) const {
        const MicroBatch& plan = step.sequences.micro_batches[static_cast<std::size_t>(m)];
        MaskedBatch result;
        for (std::size_t row = 0; row < plan.sequences.size(); ++row) {
            // A sample is one sequence here, so its place in the step is its place in the stream.
            const std::int64_t position = step.sequences.first_position + plan.sequences[row];
            auto masked = mask_tokens(step.sequences.ids[static_cast<std::size_t>(m)][row], position, mask_);
            for (const std::int32_t place : masked.places)
                result.flat_places.push_back(static_cast<std::int64_t>(row) * plan.longest + place);
            result.targets.insert(result.targets.end(), masked.targets.begin(), masked.targets.end());
            result.rows.push_back(std::move(masked.ids));
        }
        return result;
    }

    // The summed loss of one micro-batch; its share of the mean's gradient is added where gradients are asked for.
    double learn(const StepContext& step, std::int64_t m, const MaskedBatch& masked, std::int64_t targets) const {
        if (masked.targets.empty()) return 0;
        const torch::AutoGradMode mode(true);  // kernels are chosen by it; a graph exists where a weight wants a gradient
        Replica replica(step.model, step.gradients);
        const auto batch = make_micro_batch(step, masked.rows);
        auto masks = dropout_masks(step, m);
        const auto hidden = replica.encoder().forward(batch, masks ? &*masks : nullptr);
        const auto chosen = hidden.flatten(0, 1).index_select(0, torch::tensor(masked.flat_places, torch::kLong).to(hidden.device()));
        const auto scores = static_cast<const model::MlmHead&>(*replica.head()).forward(chosen, replica.encoder().word_embeddings());
        return learn_targets(step, replica, scores, masked.targets, targets);
    }

    std::int64_t max_tokens_;
    bool whole_words_;
    MaskOptions mask_;
    model::ModelConfig config_;
    std::uint64_t seed_;
};

}  // namespace

std::unique_ptr<Objective> make_masked_language_objective(const TrainOptions& options, const model::ModelConfig& config,
                                                          std::int64_t vocabulary,
                                                          const text::SpecialTokens& special) {
    if (special.mask < 0)
        base::fail(base::ErrorKind::usage, "the tokenizer has no [MASK] or <mask> to hide tokens with, which masked language modelling needs");
    return std::make_unique<MaskedLanguage>(options, config, vocabulary, special);
}

}  // namespace kohort::train

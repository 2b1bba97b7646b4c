// Span corruption over all ranks (Raffel et al. 2020, section 3.1.4): T5's encoder reads a text with hidden spans, and its
// decoder writes them. The loss is the mean over all of the step's target tokens.
#include "base/error.h"
#include "model/encoder.h"
#include "model/t5_decoder.h"
#include "train/hidden_spans.h"
#include "train/mean_loss.h"
#include "train/objective.h"

namespace kohort::train {
namespace {

struct SpanBatch {
    std::vector<Sequence> sources, inputs;  // inputs: of the decoder, the targets moved on by one
    std::vector<std::int64_t> targets;      // of all rows, one behind the other
};

class SpanCorruption : public Objective {
  public:
    SpanCorruption(const TrainOptions& options, const model::T5Config& config, SpanOptions spans)
        : max_tokens_(options.max_tokens), config_(config), spans_(std::move(spans)) {}

    std::string_view name() const override { return "span_corruption"; }
    SampleUnit unit() const override { return SampleUnit::text; }
    std::vector<Sequence> draw(const TokenStore& store, std::int64_t sample, std::int64_t) const override {
        return {draw_text(store, sample, max_tokens_)};
    }
    std::unique_ptr<model::Head> make_head(model::TensorSource source) const override {
        return std::make_unique<model::T5Decoder>(config_, std::move(source));
    }
    model::TensorSource fresh_head() const override { return model::random_weights(config_, spans_.seed); }
    std::optional<model::HeadFormat> head_format() const override {
        return model::HeadFormat{config_.model_type == "mt5" ? "MT5ForConditionalGeneration" : "T5ForConditionalGeneration",
                                 "",
                                 {{"num_decoder_layers", std::to_string(config_.num_decoder_layers)},
                                  {"decoder_start_token_id", std::to_string(config_.decoder_start_token_id)},
                                  {"eos_token_id", std::to_string(spans_.end)},
                                  {"tie_word_embeddings", config_.tie_word_embeddings ? "true" : "false"}}};
    }

    // Of the decoder and its scores; what it computes of the source's tokens, and attention over them, is left out.
    double flops_of_target() const override {
        const auto& c = config_;
        const double attention = 6 * static_cast<double>(c.d_model * c.num_heads * c.d_kv);  // q, k, v, o; q and o across
        const double inner = (c.gated ? 3 : 2) * static_cast<double>(c.d_model * c.d_ff);
        return 6 * (static_cast<double>(c.num_decoder_layers) * (attention + inner) + static_cast<double>(c.d_model * c.vocab_size));
    }

    StepResult compute(const StepContext& step) override {
        const auto own = own_micro_batches(step);
        std::vector<SpanBatch> batches;
        std::int64_t targets = 0;
        for (const std::int64_t m : own) {
            batches.push_back(hide(step, m));
            targets += std::ssize(batches.back().targets);
        }
        return mean_over_targets(step, std::ssize(own), targets, [&](std::int64_t i, std::int64_t all) {
            return learn(step, own[static_cast<std::size_t>(i)], batches[static_cast<std::size_t>(i)], all);
        });
    }

  private:
    SpanBatch hide(const StepContext& step, std::int64_t m) const {
        const MicroBatch& plan = step.sequences.micro_batches[static_cast<std::size_t>(m)];
        SpanBatch result;
        for (std::size_t row = 0; row < plan.sequences.size(); ++row) {
            // A sample is one sequence here, so its place in the step is its place in the stream.
            const std::int64_t position = step.sequences.first_position + plan.sequences[row];
            auto [source, target] = hide_spans(step.sequences.ids[static_cast<std::size_t>(m)][row], position, spans_);
            result.sources.push_back(std::move(source));
            result.targets.insert(result.targets.end(), target.begin(), target.end());
            target.pop_back();
            target.insert(target.begin(), static_cast<text::TokenId>(config_.decoder_start_token_id));
            result.inputs.push_back(std::move(target));
        }
        return result;
    }

    static double learn(const StepContext& step, std::int64_t m, const SpanBatch& spans, std::int64_t all_targets) {
        const torch::AutoGradMode mode(true);  // kernels are chosen by it; a graph exists where a weight wants a gradient
        Replica replica(step.model, step.gradients);
        const auto source = make_micro_batch(step, spans.sources), inputs = make_micro_batch(step, spans.inputs);
        auto masks = dropout_masks(step, m);
        auto* const dropout = masks ? &*masks : nullptr;
        const auto& decoder = static_cast<const model::T5Decoder&>(*replica.head());
        const auto& embeddings = replica.encoder().word_embeddings();
        const auto encoded = replica.encoder().forward(source, dropout);
        const auto hidden = decoder.forward(inputs, source, encoded, embeddings, dropout);
        return learn_targets(step, replica, decoder.scores(hidden, embeddings), spans.targets, all_targets);
    }

    std::int64_t max_tokens_;
    model::T5Config config_;
    SpanOptions spans_;
};

}  // namespace

std::unique_ptr<Objective> make_span_corruption_objective(const TrainOptions& options, const model::T5Config& config,
                                                          const text::SpecialTokens& special, const text::TextMarks& marks) {
    using base::ErrorKind;
    if (marks.sentinels.size() < 2)
        base::fail(ErrorKind::usage, "span corruption needs sentinels; the tokenizer has no {} and {}", text::sentinel_name(0),
                   text::sentinel_name(1));
    if (marks.end_of_text < 0)
        base::fail(ErrorKind::usage, "span corruption needs a token that closes a text; the tokenizer has no </s> or [SEP]");
    return std::make_unique<SpanCorruption>(options, config,
                                            SpanOptions{.seed = options.seed, .share = options.mask, .special = special,
                                                        .end = marks.end_of_text, .sentinels = marks.sentinels});
}

}  // namespace kohort::train

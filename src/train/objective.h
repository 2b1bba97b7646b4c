// What a training step minimises. The trainer samples, sums gradients and updates; an objective knows what a sample
// is and what the loss of a step's sequences is.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "model/head.h"
#include "model/model_config.h"
#include "model/t5_config.h"
#include "parallel/communicator.h"
#include "train/dropout_masks.h"
#include "train/gradient_reducer.h"
#include "train/replica.h"
#include "train/sampler.h"
#include "train/step_sequences.h"
#include "train/trained_model.h"
#include "train/trainer.h"

namespace kohort::train {

struct StepContext {
    parallel::Communicator& comm;
    const StepSequences& sequences;
    const TrainedModel& model;
    GradientReducer* gradients;  // gets the micro-batches' gradients; null: only the loss is asked for
    const TrainOptions& options;
};

// How well labels were told, as counts over users and labels that may be added up over steps.
struct Score {
    std::int64_t right = 0, chosen = 0, given = 0;
    // The F1 measure over all of them together ("micro"); where each user has one label, the accuracy.
    double f1() const { return chosen + given > 0 ? 2.0 * static_cast<double>(right) / static_cast<double>(chosen + given) : 0; }
};

struct StepResult {
    double loss = 0;           // the same on every rank
    std::int64_t targets = 0;  // what it is the mean over: users, or masked tokens
    std::optional<Score> score = std::nullopt;  // of a supervised objective
    double chance = 0;                          // the loss of one who knows nothing, where the objective says so
};

class Objective {
  public:
    virtual ~Objective() = default;

    virtual std::string_view name() const = 0;
    virtual SampleUnit unit() const = 0;
    virtual std::vector<Sequence> draw(const TokenStore& store, std::int64_t sample, std::int64_t position) const = 0;
    // What every rank must know of a sample besides its sequences' lengths.
    virtual std::vector<std::int32_t> note(const TokenStore&, std::int64_t /*sample*/, std::int64_t /*position*/) const { return {}; }

    // What is trained on top of the encoder, over the source's tensors, and the weights that it starts with. Nothing by
    // default.
    virtual std::unique_ptr<model::Head> make_head(model::TensorSource) const { return nullptr; }
    virtual model::TensorSource fresh_head() const { return {}; }
    // How a folder holds that head, which may also be stored beside the encoder that training starts from. Nothing where
    // the head is of no use afterwards.
    virtual std::optional<model::HeadFormat> head_format() const { return std::nullopt; }

    // Floating-point operations for one target, forwards and backwards, besides those of the encoder.
    virtual double flops_of_target() const { return 0; }

    // Collective. Adds the gradients of this rank's micro-batches. A step may be computed more than once.
    virtual StepResult compute(const StepContext& step) = 0;
};

// Micro-batches of this rank, dearest first, as indices into sequences.micro_batches.
std::vector<std::int64_t> own_micro_batches(const StepContext& step);

// The rows of one micro-batch as a batch on the model's device.
model::TokenBatch make_micro_batch(const StepContext& step, const std::vector<Sequence>& rows);

// The dropout masks of micro-batch `m`, or nothing at a rate of 0.
std::optional<DropoutMasks> dropout_masks(const StepContext& step, std::int64_t m);

std::unique_ptr<Objective> make_contrastive_objective(const TrainOptions& options);
// The head's fresh weights follow from the seed. `vocabulary` and `special` are the tokenizer's.
std::unique_ptr<Objective> make_masked_language_objective(const TrainOptions& options, const model::ModelConfig& config,
                                                          std::int64_t vocabulary,
                                                          const text::SpecialTokens& special);
// GPT-2's: `marks` and `special` are the tokenizer's. Error(usage) where nothing marks a text's end.
std::unique_ptr<Objective> make_causal_language_objective(const TrainOptions& options, const model::EncoderSizes& sizes,
                                                          const text::SpecialTokens& special, const text::TextMarks& marks);
// T5's, likewise; also Error(usage) where the tokenizer has no sentinels, or tokens that the model has not.
std::unique_ptr<Objective> make_span_corruption_objective(const TrainOptions& options, const model::T5Config& config,
                                                          const text::SpecialTokens& special, const text::TextMarks& marks);
// Of a store of labelled users, with options.labels.
std::unique_ptr<Objective> make_supervised_objective(const TrainOptions& options, const model::Encoder& encoder);

}  // namespace kohort::train

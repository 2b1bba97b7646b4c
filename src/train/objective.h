// What a training step minimises. The trainer samples, sums gradients and updates; an objective knows what a sample
// is and what the loss of a step's sequences is.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "model/bert.h"
#include "parallel/communicator.h"
#include "train/gradient_reducer.h"
#include "train/sampler.h"
#include "train/step_sequences.h"
#include "train/trainer.h"

namespace kohort::train {

struct StepContext {
    parallel::Communicator& comm;
    const StepSequences& sequences;
    const model::Bert& encoder;                  // in the precision that is computed with
    const std::vector<torch::Tensor>& weights;   // all that gradients are taken for: the encoder's, then the head's
    GradientReducer& gradients;                  // gets the gradients of `weights`
    const TrainOptions& options;
};

struct StepResult {
    double loss = 0;           // the same on every rank
    std::int64_t targets = 0;  // what it is the mean over: users, or masked tokens
};

class Objective {
  public:
    virtual ~Objective() = default;

    virtual std::string_view name() const = 0;
    virtual SampleUnit unit() const = 0;
    virtual std::vector<Sequence> draw(const TokenStore& store, std::int64_t sample, std::int64_t position) const = 0;

    // Weights beside the encoder's, fp32; and the same in the precision that is computed with.
    virtual const std::vector<model::Parameter>& head() const = 0;
    virtual const std::vector<model::Parameter>& working_head() const = 0;

    // Collective. Adds the gradients of this rank's micro-batches. A step may be computed more than once.
    virtual StepResult compute(const StepContext& step) = 0;
};

// Micro-batches of this rank, dearest first, as indices into sequences.micro_batches.
std::vector<std::int64_t> own_micro_batches(const StepContext& step);

// The rows of one micro-batch as a batch on the model's device.
model::TokenBatch make_micro_batch(const StepContext& step, const std::vector<Sequence>& rows);

// dsum(outputs * output_gradients)/dweights of one micro-batch, added to step.gradients. Frees the graph.
void add_gradients(const StepContext& step, const torch::Tensor& outputs, const torch::Tensor& output_gradients);

std::unique_ptr<Objective> make_contrastive_objective(const TrainOptions& options);
// The head's fresh weights follow from the seed. `vocabulary` and `special` are the tokenizer's.
std::unique_ptr<Objective> make_masked_language_objective(const TrainOptions& options, const model::ModelConfig& config,
                                                          torch::Device device, std::int64_t vocabulary,
                                                          const text::SpecialTokens& special);

}  // namespace kohort::train

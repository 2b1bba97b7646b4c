// Trains an encoder on a corpus over all ranks, so that its weights after N steps are the same bytes at any number
// of ranks and threads, and after any stop and resume. No torch type stands here, so that jobs need none.
//
// A step: the ranks that own the sampled users or texts draw their sequences; all plan the same micro-batches from
// the sequences' lengths; each rank computes its share; the gradients are summed exactly; every rank makes the same
// update.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "model/device.h"
#include "parallel/communicator.h"
#include "train/lora_options.h"
#include "train/pair_kind.h"
#include "train/reduction.h"
#include "train/schedule.h"
#include "train/token_store.h"

namespace kohort::model {
class Encoder;
struct HeadWeights;
}

namespace kohort::train {

enum class ObjectiveKind {
    contrastive,      // the two halves of a user's drawn texts belong together: for `finetune`
    supervised,       // users' labels are told from their texts: for `finetune`
    // For `pretrain`, each for one family of models:
    masked_language,  // hidden tokens are guessed (Devlin et al. 2019, section 3.1): BERT's kind
    causal_language,  // each token is guessed from those before it (Radford et al. 2019, section 2): GPT-2
    span_corruption,  // hidden spans are written by a decoder (Raffel et al. 2020, section 3.1.4): T5
};

enum class Pooling { mean, cls, last };

enum class Choice { automatic, on, off };

struct TrainOptions {
    ObjectiveKind objective = ObjectiveKind::contrastive;
    std::uint64_t seed = 1;
    std::int64_t steps = 100;
    std::int64_t batch = 192;         // users (contrastive) or texts (the others) a step, over all ranks
    std::int64_t max_tokens = 32;     // of a sequence, special tokens included
    double learning_rate = 3e-3;      // at its peak
    double warmup = 0.07;             // share of the steps
    ScheduleShape schedule = ScheduleShape::linear;
    double final_rate = 0;            // share of the peak that the schedule ends at
    double cooldown = 0.1;            // wsd: share of the steps in which the rate falls
    double layer_decay = 1;           // of the learning rate from a layer to the one below it
    double weight_decay = 0.01;
    double clip = 1.0;                // of the gradient's global norm; 0: none
    double dropout = 0;               // whatever rates stand in the model's configuration
    model::Precision precision = model::Precision::fp32;
    std::int64_t micro_batch_tokens = 0;  // 0: chosen from the step's size
    ReductionOptions reduction;
    double held_out = 0;              // share of the users that are only evaluated on; 0: none, and all steps are taken
    std::int64_t evaluate_every = 50; // steps between evaluations
    std::int64_t patience = 5;        // evaluations in a row without a lower loss that end the training; 0: none do

    // contrastive
    std::int64_t side_events = 4;     // most texts a side
    double temperature = 0.07;
    double drop_tokens = 0.5;
    Pooling pooling = Pooling::mean;
    PairKind pairs = PairKind::halves;  // the store's users must be of that kind
    double left_out_weight = 0;         // rest: what left_out_loss() counts beside the loss against the rest
    FalseNegatives false_negatives = FalseNegatives::texts;
    double false_negative_margin = 2;   // see contrastive_loss.h; 2: none

    // supervised (side_events, drop_tokens and pooling as above)
    std::vector<std::string> labels;    // names by number
    bool multi_label = false;

    LoraOptions lora;                   // rank 0: all weights are trained

    // masked_language, span_corruption
    double mask = 0.15;               // share of the tokens
    bool whole_words = true;          // masked_language, of a store that knows words

    // all but contrastive
    std::filesystem::path start;      // a model's folder whose head is trained further, where it has one; empty: none

    // without influence on the result
    int threads = 1;
    bool activation_checkpointing = false;          // less memory, a third more time
    Choice gradient_caching = Choice::automatic;    // contrastive: the same for what lies between its two passes
    double checkpoint_every = 60;     // seconds
    std::int64_t keep_checkpoints = 2;
    Choice zero = Choice::automatic;  // ZeRO-1 (Rajbhandari et al. 2020); automatic: with several ranks and large moments
    double divergence = 3;            // LossWatch's factor
    bool measure_utilization = false; // metrics compare with matrix products timed at the start
};

struct TrainReport {
    std::int64_t steps = 0;           // of the whole training, taken
    std::int64_t best_step = 0;       // steps behind the weights that the model is left with
    std::int64_t resumed_at = 0;      // steps taken from a checkpoint
    std::int64_t tokens = 0;          // computed in this run, over all ranks
    std::int64_t repeated_steps = 0;  // computed again because a gradient outgrew its grid
    std::vector<std::pair<std::int64_t, double>> loss;  // about 100 (step, loss) from step 0 to the last
    std::vector<double> learning_rates;                 // at those steps
    std::vector<std::pair<std::int64_t, double>> held_out_loss;  // (steps done, loss) of each evaluation
    std::shared_ptr<const model::HeadWeights> head;     // for save_model(); null where nothing is on top that a folder keeps
    std::shared_ptr<const AdapterWeights> adapters;     // for save_adapters(); null without LoRA
};

// Collective. Updates the model in place: to the weights after the last step, or where users are held out, to those of the
// lowest loss on them. The model must be the same on all ranks, and of type fp32. Writes checkpoints to RUN/checkpoint/ and
// resumes from one there that carries `key` (the stage's: a hash of all that the result depends on). Throws Error(stopped)
// after saving when a stop was requested, Error(internal) when a loss or a gradient is not finite, or the loss runs away (the
// last checkpoint stays), Error(input) when the corpus has too little to train on, Error(usage) when the checkpoint there has
// another key, or too few users are held out.
TrainReport train(parallel::Communicator& comm, const TokenStore& store, model::Encoder& model, const TrainOptions& options,
                  const std::filesystem::path& run, const std::string& key, base::Metrics& metrics);

}  // namespace kohort::train

#include "train/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/stop_signal.h"
#include "model/bert.h"
#include "model/torch_compat.h"
#include "parallel/collectives.h"
#include "train/adamw.h"
#include "train/checkpoint.h"
#include "train/gradient_reducer.h"
#include "train/loss_watch.h"
#include "train/objective.h"
#include "train/schedule.h"
#include "train/step_sequences.h"
#include "train/trained_model.h"
#include "train/utilization.h"

namespace kohort::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Each operation runs on the thread that asks for it: several micro-batches run at once instead, and sums inside an
// operation do not depend on the number of threads.
class OneThreadAnOperation {
  public:
    OneThreadAnOperation() : before_(at::get_num_threads()) { at::set_num_threads(1); }
    ~OneThreadAnOperation() { at::set_num_threads(before_); }
    OneThreadAnOperation(const OneThreadAnOperation&) = delete;
    OneThreadAnOperation& operator=(const OneThreadAnOperation&) = delete;

  private:
    int before_;
};

// On a GPU some kernels add in the order in which their threads arrive, unless told otherwise.
class RepeatableKernels {
  public:
    explicit RepeatableKernels(torch::Device device) : on_(device.is_cuda()) {
        if (on_) model::compat::set_repeatable_kernels(true);
    }
    ~RepeatableKernels() {
        if (on_) model::compat::set_repeatable_kernels(false);
    }
    RepeatableKernels(const RepeatableKernels&) = delete;
    RepeatableKernels& operator=(const RepeatableKernels&) = delete;

  private:
    bool on_;
};

std::unique_ptr<Objective> make_objective(const TrainOptions& options, const TokenStore& store, const model::Encoder& encoder) {
    if (options.objective == ObjectiveKind::contrastive) return make_contrastive_objective(options);
    const auto* bert = dynamic_cast<const model::Bert*>(&encoder);
    if (!bert) base::fail(base::ErrorKind::usage, "masked language modelling trains a model of BERT's kind");
    return make_masked_language_objective(options, bert->config(), store.vocabulary_size(), store.special());
}

class Trainer {
  public:
    Trainer(parallel::Communicator& comm, const TokenStore& store, model::Encoder& encoder, const TrainOptions& options,
            const std::filesystem::path& run, const std::string& key, base::Metrics& metrics)
        : comm_(comm), store_(store), options_(options), metrics_(metrics),
          objective_(make_objective(options, store, encoder)),
          weights_(encoder, [this](model::TensorSource source) { return objective_->make_head(std::move(source)); },
                   objective_->fresh_head(), options.precision),
          stream_(store.samples(objective_->unit()), options.batch, options.seed),
          optimizer_(weights_.masters(), {.weight_decay = options.weight_decay}), gradients_(comm, weights_.masters(), options.reduction),
          schedule_{options.learning_rate, options.steps, options.warmup},
          checkpoints_(comm, run / "checkpoint", std::string(objective_->name()), key) {}

    TrainReport run() {
        weights_.checkpoint_activations(options_.activation_checkpointing);
        start_ = last_save_ = Clock::now();
        if (options_.reduction.kind != Reduction::exact && comm_.is_root())
            base::log_warning("gradients are summed in floating point, as --reduction asks: another number of ranks or threads, or another "
                              "run, gives other weights");
        resume();
        measure_ceiling();
        base::Progress progress(std::string(objective_->name()), options_.steps, "steps", comm_.is_root());
        progress.set(step_);
        report_.steps = options_.steps;
        report_.resumed_at = step_;
        while (step_ < options_.steps) {
            save_if_due();
            const double loss = one_step();
            ++step_;
            progress.set(step_);
            progress.note(fmt::format("loss {:.3f}, learning rate {:.2e}, {:.0f} tokens/s", loss, schedule_.rate(step_ - 1), tokens_a_second_));
            watch_.add(step_ - 1, loss);
        }
        progress.finish();
        report_.repeated_steps = gradients_.repeats();
        for (const auto& [step, loss] : report_.loss) report_.learning_rates.push_back(schedule_.rate(step));
        report_.seconds = seconds_since(start_);
        return std::move(report_);
    }

  private:
    // Everything that a checkpoint holds; the tensors are the training's own.
    TrainingState state() {
        TrainingState result{step_, {}, gradients_.recent_largest(), report_.loss};
        for (std::size_t t = 0; t < weights_.masters().size(); ++t) {
            const auto& [name, value] = weights_.masters()[t];
            result.tensors.push_back({name, value.detach()});
            result.tensors.push_back({name + "#first_moment", optimizer_.first_moments()[t]});
            result.tensors.push_back({name + "#second_moment", optimizer_.second_moments()[t]});
        }
        return result;
    }

    void resume() {
        TrainingState found = state();
        if (!checkpoints_.load_newest(found)) return;
        step_ = found.step;
        gradients_.set_recent_largest(std::move(found.recent_largest));
        report_.loss = std::move(found.loss);
        if (!report_.loss.empty()) watch_.set_first(report_.loss.front().second);
        optimizer_.set_steps(step_);
        weights_.refresh();
        if (comm_.is_root()) base::log_info("{}: resumed after step {} of {}", objective_->name(), step_, options_.steps);
    }

    // Rank 0's clock and anybody's stop request decide for all.
    void save_if_due() {
        const bool due = comm_.is_root() && seconds_since(last_save_) >= options_.checkpoint_every;
        std::int32_t wishes[2] = {due ? 1 : 0, base::stop_requested() ? 1 : 0};
        parallel::all_reduce(comm_, std::span<std::int32_t>(wishes), parallel::ReduceOperation::maximum);
        if (!wishes[0] && !wishes[1]) return;
        checkpoints_.save(state());
        last_save_ = Clock::now();
        if (!wishes[1]) return;
        parallel::barrier(comm_);  // nobody leaves, and is missed, while rank 0 still writes
        base::fail(base::ErrorKind::stopped, "stopped on request after training step {} of {}; run again with --resume to go on",
                   step_, options_.steps);
    }

    // Of all ranks together, in floating-point operations a second.
    void measure_ceiling() {
        if (!options_.measure_utilization) return;
        const auto type = options_.precision == model::Precision::bf16 ? torch::kBFloat16 : torch::kFloat;
        parallel::barrier(comm_);  // ranks of a node measure at the same time
        ceiling_ = static_cast<double>(parallel::all_sum(comm_, static_cast<std::int64_t>(product_ceiling(weights_.device(), type, options_.threads))));
        if (comm_.is_root()) base::log_debug("{}: matrix products reach {:.1f} GFLOP/s", objective_->name(), ceiling_ * 1e-9);
    }

    // Backward passes of this rank: one a micro-batch.
    std::int64_t own_passes(const StepSequences& sequences) const {
        return std::count_if(sequences.micro_batches.begin(), sequences.micro_batches.end(),
                             [this](const MicroBatch& micro_batch) { return micro_batch.rank == comm_.rank(); });
    }

    double one_step() {
        const auto begin = Clock::now();
        const double waited = comm_.statistics().wait_seconds;
        const ReductionStatistics reduced = gradients_.statistics();
        const StepSequences sequences = collect_step(
            comm_, store_, objective_->unit(), stream_, step_, options_.micro_batch_tokens, weights_.sizes().hidden,
            [this](std::int64_t sample, std::int64_t position) { return objective_->draw(store_, sample, position); });
        StepResult result;
        std::vector<torch::Tensor> gradients;
        while (gradients.empty()) {
            gradients_.begin(std::max(sequences.tokens, std::int64_t{1}), own_passes(sequences));
            result = objective_->compute({comm_, sequences, weights_, &gradients_, options_});
            gradients = gradients_.reduce(step_);
        }
        const double norm = global_norm(gradients), rate = schedule_.rate(step_);
        optimizer_.step(gradients, clip_factor(norm, options_.clip), rate, options_.threads);
        weights_.refresh();

        const double seconds = seconds_since(begin);
        report_.tokens += sequences.tokens;
        if (step_ * 100 / options_.steps != (step_ - 1) * 100 / options_.steps || step_ == 0 || step_ + 1 == options_.steps)
            report_.loss.emplace_back(step_, result.loss);
        tokens_a_second_ = static_cast<double>(sequences.tokens) / std::max(seconds, 1e-9);
        record(sequences, result, {rate, norm, seconds, comm_.statistics().wait_seconds - waited}, reduced);
        return result.loss;
    }

    struct StepFacts {
        double rate, norm, seconds, waited;
    };
    // Collective. Times are this rank's, which is rank 0's where anything is written.
    void record(const StepSequences& sequences, const StepResult& result, const StepFacts& facts, const ReductionStatistics& before) {
        const std::int64_t memory = parallel::all_max(comm_, base::peak_memory());
        const ReductionStatistics& now = gradients_.statistics();
        const double under_way = now.seconds - before.seconds, seconds = std::max(facts.seconds, 1e-9);
        std::vector<base::MetricField> fields{{"objective", std::string(objective_->name())},
                                              {"step", step_},
                                              {"loss", result.loss},
                                              {"learning_rate", facts.rate},
                                              {"gradient_norm", facts.norm},
                                              {"tokens", sequences.tokens},
                                              {"sequences", sequences.count()},
                                              {"seconds", facts.seconds},
                                              {"tokens_per_second", tokens_a_second_},
                                              {"memory", memory},
                                              {"wait_share", facts.waited / seconds},
                                              {"communication_share", under_way / seconds},
                                              {"hidden_share", under_way > 0 ? (now.hidden_seconds - before.hidden_seconds) / under_way : 0.0},
                                              {"reduction_bytes", now.bytes - before.bytes}};
        if (ceiling_ > 0) {
            const double flops = encoder_flops(weights_.encoder_masters(), weights_.sizes(), sequences.lengths) +
                                 objective_->flops_of_target() * static_cast<double>(result.targets);
            fields.push_back({"mfu", flops / seconds / ceiling_});
        }
        metrics_.record("train_step", fields);
    }

    parallel::Communicator& comm_;
    const TokenStore& store_;
    const TrainOptions& options_;
    base::Metrics& metrics_;
    std::unique_ptr<Objective> objective_;
    TrainedModel weights_;
    SampleStream stream_;
    AdamW optimizer_;
    GradientReducer gradients_;
    Schedule schedule_;
    CheckpointFolder checkpoints_;
    LossWatch watch_{options_.divergence};
    TrainReport report_;
    double ceiling_ = 0, tokens_a_second_ = 0;
    std::int64_t step_ = 0;
    Clock::time_point start_, last_save_;
};

void check(const TokenStore& store, const model::Encoder& encoder, const TrainOptions& options) {
    using base::ErrorKind;
    if (options.max_tokens < 3 || options.max_tokens > encoder.sizes().longest)
        base::fail(ErrorKind::usage, "training on {} tokens a text does not fit a model of {} positions", options.max_tokens,
                   encoder.sizes().longest);
    if (store.vocabulary_size() > encoder.sizes().vocabulary)
        base::fail(ErrorKind::usage, "the tokenizer has {} tokens and the model only {}", store.vocabulary_size(),
                   encoder.sizes().vocabulary);
    const bool pairs = options.objective == ObjectiveKind::contrastive;
    if (pairs && store.samples(SampleUnit::user) < 2)
        base::fail(ErrorKind::input, "{} of {} users have two different texts; contrastive training needs at least 2 such users",
                   store.samples(SampleUnit::user), store.users());
    if (!pairs && store.samples(SampleUnit::text) < 1) base::fail(ErrorKind::input, "the corpus has no text to train on");
}

}  // namespace

TrainReport train(parallel::Communicator& comm, const TokenStore& store, model::Encoder& encoder, const TrainOptions& options,
                  const std::filesystem::path& run, const std::string& key, base::Metrics& metrics) {
    check(store, encoder, options);
    model::keep_memory_between_batches();
    const OneThreadAnOperation one_thread;
    const RepeatableKernels repeatable(encoder.device());
    return Trainer(comm, store, encoder, options, run, key, metrics).run();
}

}  // namespace kohort::train

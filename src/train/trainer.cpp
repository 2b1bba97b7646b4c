#include "train/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/kept_memory.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/stop_signal.h"
#include "model/torch_compat.h"
#include "parallel/collectives.h"
#include "train/adamw.h"
#include "train/best_weights.h"
#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/gradient_norm.h"
#include "train/gradient_reducer.h"
#include "train/held_out.h"
#include "train/loss_watch.h"
#include "train/objective.h"
#include "train/objective_choice.h"
#include "train/parameter_chunks.h"
#include "train/schedule.h"
#include "train/share_gather.h"
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

// Where each rank's share of the parameters lies in the long vector of all.
std::vector<parallel::Range> elements_of(const ParameterChunks& chunks, const std::vector<parallel::Range>& shares) {
    std::vector<parallel::Range> result;
    for (const parallel::Range& share : shares) result.push_back(chunks.elements_of(share));
    return result;
}

// Whether ranks keep the moments of their own shares alone; says so where that is this program's choice.
bool shards_moments(const parallel::Communicator& comm, Choice wish, std::int64_t elements) {
    constexpr std::int64_t large = std::int64_t{256} << 20;
    const std::int64_t bytes = 2 * elements * static_cast<std::int64_t>(sizeof(float));
    if (comm.size() == 1 || wish == Choice::off || (wish == Choice::automatic && bytes < large)) return false;
    if (comm.is_root()) base::log_info("ZeRO-1: the optimizer's {} MiB are shared among {} ranks", bytes >> 20, comm.size());
    return true;
}

class Trainer {
  public:
    Trainer(parallel::Communicator& comm, const TokenStore& store, model::Encoder& encoder, const TrainOptions& options,
            const std::filesystem::path& run, const std::string& key, base::Metrics& metrics)
        : comm_(comm), store_(store), options_(options), metrics_(metrics),
          objective_(make_objective(options, store, encoder)),
          weights_(encoder, [this](model::TensorSource source) { return objective_->make_head(std::move(source)); },
                   start_of_head(options, *objective_, comm.is_root()), options.precision, options.lora, options.seed),
          held_out_(held_out_samples(comm, store, objective_->unit(), options.held_out, options.seed)),
          stream_(store.samples(objective_->unit()), options.batch, options.seed, held_out_),
          evaluation_(comm, store, *objective_, weights_, options, held_out_),
          masters_(weights_.masters()), chunks_(weights_.masters()), shares_(chunks_.shares(comm.size())),
          share_elements_(elements_of(chunks_, shares_)), zero_(shards_moments(comm, options.zero, chunks_.elements())),
          optimizer_(weights_.masters(), chunks_, zero_ ? own(shares_) : chunks_.all(),
                     parameter_rules(weights_.masters(), options.layer_decay), {.weight_decay = options.weight_decay}),
          gradients_(comm, weights_.masters(), options.reduction),
          schedule_{options.learning_rate, options.steps, options.warmup, options.schedule, options.final_rate, options.cooldown},
          checkpoints_(comm, run / "checkpoint", std::string(objective_->name()), key, share_elements_, options.keep_checkpoints) {
        if (!held_out_.empty()) best_.emplace(masters_, own(share_elements_));
        check_held_out();
    }

    TrainReport run() {
        weights_.checkpoint_activations(options_.activation_checkpointing);
        last_save_ = Clock::now();
        if (options_.reduction.kind != Reduction::exact && comm_.is_root())
            base::log_warning("gradients are summed in floating point, as --reduction asks: another number of ranks or threads, or another "
                              "run, gives other weights");
        resume();
        measure_ceiling();
        base::Progress progress(std::string(objective_->name()), options_.steps, "steps", comm_.is_root());
        progress.begin_at(step_);
        base::KeptMemory kept_memory;  // each step asks for large tensors again, of ever other sizes
        report_.resumed_at = step_;
        while (step_ < options_.steps && !patience_is_over(report_.held_out_loss, options_.patience)) {
            save_if_due();
            const StepResult result = one_step();
            ++step_;
            kept_memory.bound((std::size_t{512} << 20) / static_cast<std::size_t>(comm_.topology().local_size));
            progress.set(step_);
            progress.note(fmt::format("loss {:.3f}, learning rate {:.2e}, {:.0f} tokens/s", result.loss, schedule_.rate(step_ - 1), tokens_a_second_));
            watch_.add(step_ - 1, result.loss, result.chance);
            evaluate_if_due();
        }
        progress.finish();
        if (last_saved_step_ != step_) checkpoints_.save(state());  // a later part of the job may be what is interrupted
        checkpoints_.complete();
        report_.steps = report_.best_step = step_;
        if (best_) take_best_weights();
        report_.repeated_steps = gradients_.repeats();
        for (const auto& [step, loss] : report_.loss) report_.learning_rates.push_back(schedule_.rate(step));
        if (auto format = objective_->head_format())
            report_.head = std::make_shared<model::HeadWeights>(model::HeadWeights{std::move(*format), weights_.head_masters()});
        report_.adapters = weights_.adapters();
        weights_.merge_adapters();
        return std::move(report_);
    }

  private:
    const parallel::Range& own(const std::vector<parallel::Range>& shares) const {
        return shares[static_cast<std::size_t>(comm_.rank())];
    }

    void check_held_out() const {
        if (options_.held_out <= 0) return;
        const std::int64_t all = store_.samples(objective_->unit()), held_out = std::ssize(held_out_);
        const std::int64_t fewest = objective_->unit() == SampleUnit::user ? 2 : 1;  // a user's negatives are other users
        if (held_out < fewest || all - held_out < fewest)
            base::fail(base::ErrorKind::usage,
                       "--held-out {}: that is {} of the {} {} that can be trained on; at least {} must be held out, and as many left",
                       options_.held_out, held_out, all, objective_->unit() == SampleUnit::user ? "users" : "texts", fewest);
        if (comm_.is_root())
            base::log_info("{}: {} of {} {} are held out", objective_->name(), held_out, all,
                           objective_->unit() == SampleUnit::user ? "users" : "texts");
    }

    // Everything that a checkpoint holds; the values are the training's own.
    TrainingState state() {
        TrainingState result{{step_, gradients_.recent_largest(), report_.loss, report_.held_out_loss, watch_.state()}, weights_.masters(), {}};
        const auto add = [&](const char* name, const parallel::Range& elements, const FlatTensors& values) {
            result.vectors.push_back({name, elements, values});
        };
        add("weights", {0, chunks_.elements()}, masters_);
        add("first moments", optimizer_.elements(), FlatTensors({optimizer_.first_moments()}));
        add("second moments", optimizer_.elements(), FlatTensors({optimizer_.second_moments()}));
        if (best_) add("best weights", own(share_elements_), best_->values());
        return result;
    }

    void resume() {
        TrainingState found = state();
        if (!checkpoints_.load_newest(found)) return;
        step_ = last_saved_step_ = found.progress.step;
        gradients_.set_recent_largest(std::move(found.progress.recent_largest));
        report_.loss = std::move(found.progress.loss);
        report_.held_out_loss = std::move(found.progress.held_out_loss);
        watch_.restore(found.progress.watched);
        optimizer_.set_steps(step_);
        weights_.refresh();
        if (comm_.is_root()) base::log_info("{}: resumed after step {} of {}", objective_->name(), step_, options_.steps);
    }

    // Rank 0's clock and anybody's stop request decide for all.
    void save_if_due() {
        const bool due = comm_.is_root() && seconds_since(last_save_) >= options_.checkpoint_every;
        std::int32_t wishes[3] = {due ? 1 : 0, base::stop_requested() ? 1 : 0, checkpoints_.written() ? 0 : 1};
        parallel::all_reduce(comm_, std::span<std::int32_t>(wishes), parallel::ReduceOperation::maximum);
        if (!wishes[2]) checkpoints_.complete();
        if (!wishes[0] && !wishes[1]) return;
        if (last_saved_step_ != step_) checkpoints_.save(state());
        last_saved_step_ = step_;
        last_save_ = Clock::now();
        if (!wishes[1]) return;
        checkpoints_.complete();
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

    StepResult one_step() {
        const auto begin = Clock::now();
        const double waited = comm_.statistics().wait_seconds;
        const ReductionStatistics reduced = gradients_.statistics();
        const StepSequences sequences = collect_step(
            comm_, store_, objective_->unit(), stream_, step_, options_.micro_batch_tokens, weights_.sizes().hidden,
            [this](std::int64_t sample, std::int64_t position) { return objective_->draw(store_, sample, position); },
            [this](std::int64_t sample, std::int64_t position) { return objective_->note(store_, sample, position); });
        StepResult result;
        std::vector<torch::Tensor> gradients;
        while (gradients.empty()) {
            gradients_.begin(std::max(sequences.tokens, std::int64_t{1}), own_passes(sequences));
            result = objective_->compute({comm_, sequences, weights_, &gradients_, options_});
            gradients = gradients_.reduce(step_);
        }
        const double norm = global_norm(comm_, gradients, chunks_, shares_, options_.threads), rate = schedule_.rate(step_);
        optimizer_.step(gradients, clip_factor(norm, options_.clip), rate, options_.threads);
        if (zero_) gather_shares(comm_, masters_, share_elements_, weights_.device());
        weights_.refresh();

        const double seconds = seconds_since(begin);
        report_.tokens += sequences.tokens;
        if (step_ * 100 / options_.steps != (step_ - 1) * 100 / options_.steps || step_ == 0 || step_ + 1 == options_.steps)
            report_.loss.emplace_back(step_, result.loss);
        tokens_a_second_ = static_cast<double>(sequences.tokens) / std::max(seconds, 1e-9);
        record(sequences, result, {rate, norm, seconds, comm_.statistics().wait_seconds - waited}, reduced);
        return result;
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
            const double flops = encoder_flops(weights_.encoder_parameters(), weights_.sizes(), sequences.lengths, options_.lora.rank > 0) +
                                 objective_->flops_of_target() * static_cast<double>(result.targets);
            fields.push_back({"mfu", flops / seconds / ceiling_});
        }
        if (result.score) fields.push_back({"f1", result.score->f1()});
        metrics_.record("train_step", fields);
    }

    void evaluate_if_due() {
        if (!best_ || (step_ % options_.evaluate_every != 0 && step_ != options_.steps)) return;
        std::optional<Score> score;
        report_.held_out_loss.emplace_back(step_, evaluation_.loss(&score));
        if (!std::isfinite(report_.held_out_loss.back().second))
            base::fail(base::ErrorKind::internal,
                       "the loss on held-out users is not a finite number after training step {}; a lower learning rate usually helps", step_);
        const bool lowest = best_evaluation(report_.held_out_loss) + 1 == report_.held_out_loss.size();
        if (lowest) best_->keep(masters_);
        std::vector<base::MetricField> fields{{"objective", std::string(objective_->name())},
                                              {"step", step_},
                                              {"loss", report_.held_out_loss.back().second},
                                              {"lowest", lowest}};
        if (score) {
            fields.push_back({"f1", score->f1()});
            if (comm_.is_root())
                base::log_info("{}: held-out loss {:.4f}, F1 {:.4f} (the accuracy, where users have one label each) after step {}", objective_->name(),
                               report_.held_out_loss.back().second, score->f1(), step_);
        }
        metrics_.record("evaluation", fields);
    }

    void take_best_weights() {
        const auto& [step, loss] = report_.held_out_loss[best_evaluation(report_.held_out_loss)];
        report_.best_step = step;
        best_->restore(comm_, masters_, share_elements_, weights_.device());
        weights_.refresh();
        if (comm_.is_root())
            base::log_info("{}: the weights after step {} of {} are kept, with a held-out loss of {:.4f}", objective_->name(), step,
                           step_, loss);
    }

    parallel::Communicator& comm_;
    const TokenStore& store_;
    const TrainOptions& options_;
    base::Metrics& metrics_;
    std::unique_ptr<Objective> objective_;
    TrainedModel weights_;
    std::vector<std::int64_t> held_out_;
    SampleStream stream_;
    Evaluation evaluation_;
    FlatTensors masters_;
    ParameterChunks chunks_;
    std::vector<parallel::Range> shares_, share_elements_;  // [ranks] of chunks, of elements
    bool zero_;
    AdamW optimizer_;
    GradientReducer gradients_;
    Schedule schedule_;
    CheckpointFolder checkpoints_;
    LossWatch watch_{options_.divergence};
    double ceiling_ = 0, tokens_a_second_ = 0;
    std::optional<BestWeights> best_;  // where users are held out
    TrainReport report_;
    std::int64_t step_ = 0, last_saved_step_ = -1;
    Clock::time_point last_save_;
};

}  // namespace

TrainReport train(parallel::Communicator& comm, const TokenStore& store, model::Encoder& encoder, const TrainOptions& options,
                  const std::filesystem::path& run, const std::string& key, base::Metrics& metrics) {
    check_training(store, encoder, options);
    const OneThreadAnOperation one_thread;
    const RepeatableKernels repeatable(encoder.device());
    return Trainer(comm, store, encoder, options, run, key, metrics).run();
}

}  // namespace kohort::train

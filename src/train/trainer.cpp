#include "train/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stop_signal.h"
#include "model/bert.h"
#include "model/torch_compat.h"
#include "parallel/collectives.h"
#include "train/adamw.h"
#include "train/checkpoint.h"
#include "train/gradient_reducer.h"
#include "train/objective.h"
#include "train/schedule.h"
#include "train/step_sequences.h"
#include "train/trained_model.h"

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
    if (options.objective == ObjectiveKind::supervised) return make_supervised_objective(options, encoder);
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
                   objective_->fresh_head(), options.precision, options.lora, options.seed),
          stream_(store.samples(objective_->unit()), options.batch, options.seed),
          optimizer_(weights_.masters(), {.weight_decay = options.weight_decay}), gradients_(comm, weights_.masters()),
          schedule_{options.learning_rate, options.steps, options.warmup},
          checkpoints_(comm, run / "checkpoint", std::string(objective_->name()), key) {}

    TrainReport run() {
        start_ = last_save_ = Clock::now();
        resume();
        base::Progress progress(std::string(objective_->name()), options_.steps, "steps", comm_.is_root());
        progress.set(step_);
        report_.steps = options_.steps;
        report_.resumed_at = step_;
        while (step_ < options_.steps) {
            save_if_due();
            const double loss = one_step();
            ++step_;
            progress.set(step_);
            progress.note(fmt::format("loss {:.3f}", loss));
        }
        progress.finish();
        report_.repeated_steps = gradients_.repeats();
        report_.seconds = seconds_since(start_);
        if (auto format = objective_->head_format())
            report_.head = std::make_shared<model::HeadWeights>(model::HeadWeights{std::move(*format), weights_.head_masters()});
        report_.adapters = weights_.adapters();
        weights_.merge_adapters();
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

    double one_step() {
        const auto begin = Clock::now();
        const double waited = comm_.statistics().wait_seconds;
        const StepSequences sequences = collect_step(
            comm_, store_, objective_->unit(), stream_, step_, options_.micro_batch_tokens, weights_.sizes().hidden,
            [this](std::int64_t sample, std::int64_t position) { return objective_->draw(store_, sample, position); },
            [this](std::int64_t sample, std::int64_t position) { return objective_->note(store_, sample, position); });
        StepResult result;
        std::vector<torch::Tensor> gradients;
        while (gradients.empty()) {
            gradients_.begin(std::max(sequences.tokens, std::int64_t{1}));
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
        std::vector<base::MetricField> fields{{"objective", std::string(objective_->name())},
                                              {"step", step_},
                                              {"loss", result.loss},
                                              {"learning_rate", rate},
                                              {"gradient_norm", norm},
                                              {"tokens", sequences.tokens},
                                              {"sequences", sequences.count()},
                                              {"seconds", seconds},
                                              {"wait_share", (comm_.statistics().wait_seconds - waited) / std::max(seconds, 1e-9)}};
        if (result.score) fields.push_back({"f1", result.score->f1()});
        metrics_.record("train_step", fields);
        return result.loss;
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
    TrainReport report_;
    std::int64_t step_ = 0;
    Clock::time_point start_, last_save_;
};

// What makes a user a sample, and how a message says it.
struct Demand {
    UserSample sample;
    std::int64_t least;
    const char* users;
};
Demand demand_of(const TrainOptions& options) {
    if (options.objective == ObjectiveKind::supervised) return {UserSample::labelled, 2, "have a text and a label; supervised"};
    switch (options.pairs) {
        case PairKind::halves:
        case PairKind::events: break;
        case PairKind::query_item: return {UserSample::query_and_item, 2, "have a search that an event with an item follows; contrastive"};
        case PairKind::title_category: return {UserSample::text_and_category, 2, "have an event whose item has a category; contrastive"};
        case PairKind::dropout: return {UserSample::any_text, 2, "have a text; contrastive"};
    }
    return {UserSample::two_texts, 2, "have two different texts; contrastive"};
}

void check_samples(const TokenStore& store, const TrainOptions& options) {
    using base::ErrorKind;
    if (options.objective == ObjectiveKind::masked_language) {
        if (store.samples(SampleUnit::text) < 1) base::fail(ErrorKind::input, "the corpus has no text to train on");
        return;
    }
    const Demand demand = demand_of(options);
    if (store.user_sample() != demand.sample) base::fail(ErrorKind::internal, "the texts were read for pairs of another kind");
    if (store.samples(SampleUnit::user) < demand.least)
        base::fail(ErrorKind::input, "{} of {} users {} training needs at least {} such users", store.samples(SampleUnit::user),
                   store.users(), demand.users, demand.least);
    if (options.objective == ObjectiveKind::contrastive && options.pairs == PairKind::dropout && options.dropout <= 0)
        base::fail(ErrorKind::usage, "--pairs dropout tells the two sides of a pair apart by dropout alone; it needs --dropout above 0");
}

void check(const TokenStore& store, const model::Encoder& encoder, const TrainOptions& options) {
    using base::ErrorKind;
    if (options.max_tokens < 3 || options.max_tokens > encoder.sizes().longest)
        base::fail(ErrorKind::usage, "training on {} tokens a text does not fit a model of {} positions", options.max_tokens,
                   encoder.sizes().longest);
    if (store.vocabulary_size() > encoder.sizes().vocabulary)
        base::fail(ErrorKind::usage, "the tokenizer has {} tokens and the model only {}", store.vocabulary_size(),
                   encoder.sizes().vocabulary);
    check_samples(store, options);
}

}  // namespace

TrainReport train(parallel::Communicator& comm, const TokenStore& store, model::Encoder& encoder, const TrainOptions& options,
                  const std::filesystem::path& run, const std::string& key, base::Metrics& metrics) {
    check(store, encoder, options);
    const OneThreadAnOperation one_thread;
    const RepeatableKernels repeatable(encoder.device());
    return Trainer(comm, store, encoder, options, run, key, metrics).run();
}

}  // namespace kohort::train

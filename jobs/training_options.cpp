#include "training_options.h"

#include <algorithm>

#include "text/text_marks.h"

namespace kohort::jobs {
namespace {

train::Pooling pooling(const Options& options) {
    const auto name = options.text("pooling");
    return name == "cls" ? train::Pooling::cls : name == "last" ? train::Pooling::last : train::Pooling::mean;
}

train::Reduction reduction(const Options& options) {
    const auto asked = options.text("reduction");
    return asked == "fast" ? train::Reduction::fast : asked == "fast-bf16" ? train::Reduction::fast_bf16 : train::Reduction::exact;
}

}  // namespace

model::NewModel new_model(const Options& options, std::int64_t vocabulary, const text::Tokenizer* tokenizer) {
    model::NewModel model;
    model.family = options.text("family");
    model.vocabulary = vocabulary;
    model.layers = options.integer("layers");
    model.hidden = options.integer("hidden");
    model.heads = options.integer("heads");
    model.intermediate = options.integer("intermediate");
    model.positions = longest_sequence;
    model.dropout = options.real("dropout");
    if (tokenizer) {
        model.padding = std::max(tokenizer->special().pad, 0);
        model.end = std::max(text::find_text_marks(*tokenizer).end_of_text, 0);
    }
    return model;
}

train::ObjectiveKind language_objective(const std::string& model_type) {
    if (model_type == "gpt2") return train::ObjectiveKind::causal_language;
    if (model_type == "t5" || model_type == "mt5") return train::ObjectiveKind::span_corruption;
    return train::ObjectiveKind::masked_language;
}

train::TrainOptions train_options(const JobContext& context, train::ObjectiveKind objective, std::int64_t steps) {
    const auto& options = context.options;
    train::TrainOptions settings;
    settings.objective = objective;
    settings.seed = static_cast<std::uint64_t>(options.integer("seed"));
    settings.steps = steps;
    settings.batch = options.integer("batch");
    settings.max_tokens = options.integer("train-tokens");
    settings.learning_rate = options.real("learning-rate");
    settings.warmup = options.real("warmup");
    settings.schedule = options.text("schedule") == "cosine" ? train::ScheduleShape::cosine
                        : options.text("schedule") == "wsd"  ? train::ScheduleShape::wsd
                                                             : train::ScheduleShape::linear;
    settings.final_rate = options.real("final-rate");
    settings.cooldown = options.real("cooldown");
    settings.layer_decay = options.real("layer-decay");
    settings.held_out = options.real("held-out");
    settings.evaluate_every = options.integer("evaluate-every");
    settings.patience = options.integer("patience");
    settings.weight_decay = options.real("weight-decay");
    settings.clip = options.real("clip");
    settings.dropout = options.real("dropout");
    settings.precision = options.text("train-precision") == "bf16" ? model::Precision::bf16 : model::Precision::fp32;
    settings.micro_batch_tokens = options.integer_or_auto("micro-batch-tokens").value_or(0);
    settings.reduction = {reduction(options), options.text("overlap") == "on"};
    settings.activation_checkpointing = options.text("activation-checkpointing") == "on";
    settings.divergence = options.real("divergence");
    settings.measure_utilization = true;
    settings.threads = context.threads;
    settings.checkpoint_every = options.real("checkpoint-every");
    settings.keep_checkpoints = options.integer("keep-checkpoints");
    settings.zero = options.text("zero") == "auto" ? train::Choice::automatic : options.text("zero") == "1" ? train::Choice::on : train::Choice::off;
    if (options.names("lora-rank")) {
        settings.lora.rank = options.integer("lora-rank");
        settings.lora.alpha = options.real("lora-alpha");
        settings.lora.targets = options.text("lora-targets") == "all" ? train::LoraTargets::all : train::LoraTargets::attention;
    }
    if (objective == train::ObjectiveKind::contrastive || objective == train::ObjectiveKind::supervised) {
        settings.side_events = options.integer("side-events");
        settings.temperature = options.real("temperature");
        settings.drop_tokens = options.real("drop-tokens");
        const auto caching = options.text("gradient-caching");
        settings.gradient_caching = caching == "auto" ? train::Choice::automatic : caching == "on" ? train::Choice::on : train::Choice::off;
        settings.pooling = pooling(options);
    }
    return settings;
}

std::int64_t settle_steps(const Options& options, const train::TokenStore& store) {
    if (const auto asked = options.integer_or_auto("steps")) return *asked;
    constexpr std::int64_t passes = 8, fewest = 20, most = 300;
    const auto users = store.samples(train::SampleUnit::user);
    return std::clamp(passes * users / std::max<std::int64_t>(1, options.integer("batch")), fewest, most);
}

}  // namespace kohort::jobs

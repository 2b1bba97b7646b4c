// The encoder of a run: a given model, or one trained on the corpus without labels. Also the jobs that only train.
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stop_signal.h"
#include "idle_options.h"
#include "model/device.h"
#include "model/pretrained.h"
#include "model/sentence_settings.h"
#include "model_folder.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"
#include "parallel/device_communicator.h"
#include "report/training_plot.h"
#include "stages.h"
#include "text/tokenizer.h"
#include "text/word_iterator.h"
#include "train/trainer.h"
#include "training_data.h"
#include "training_options.h"
#include "vocabulary.h"

namespace kohort::jobs {
namespace {

const char* name_of(train::ObjectiveKind objective) {
    switch (objective) {
        case train::ObjectiveKind::contrastive: return "contrastive training";
        case train::ObjectiveKind::supervised: return "supervised training";
        case train::ObjectiveKind::masked_language: return "masked language modelling";
        case train::ObjectiveKind::causal_language: return "causal language modelling";
        case train::ObjectiveKind::span_corruption: return "span corruption";
    }
    return "";
}

// What a training leaves: the head that was trained with the encoder, where there is one to keep, the lines of its curve, for
// the report, and what it found on held-out users.
struct Trained {
    std::shared_ptr<const model::HeadWeights> head;
    std::shared_ptr<const train::AdapterWeights> adapters;  // null without low-rank adapters
    std::string curve, held_out;
    std::int64_t steps = 0;  // taken
};

Trained train_one(JobContext& context, parallel::Communicator& comm, const store::StageKey& key, const train::TokenStore& tokens,
                  model::Encoder& encoder, const train::TrainOptions& settings, const std::filesystem::path& run) {
    const auto report = train::train(comm, tokens, encoder, settings, run, key.hash(), context.metrics);
    report::TrainingCurve curve{name_of(settings.objective), {}};
    for (std::size_t i = 0; i < report.loss.size(); ++i)
        curve.points.push_back({report.loss[i].first, report.loss[i].second, report.learning_rates[i]});
    std::string held_out;
    for (const auto& [step, loss] : report.held_out_loss)
        held_out += fmt::format("{}: {:.6f} after step {}{}\n", curve.objective, loss, step, step == report.best_step ? ", kept" : "");
    return {report.head, report.adapters, report::curve_lines(curve), held_out, report.steps};
}

// What a training stage does and where its model goes.
struct Training {
    std::string folder;                          // of the run; also the stage's name
    bool language = false, contrastive = false;
    std::optional<std::filesystem::path> start;  // a model to start from; else fresh weights
};

// What a model that is there already has decided.
constexpr const char* of_new_models[] = {"vocabulary", "vocabulary-size", "lowercase", "family", "layers", "hidden", "heads", "intermediate"};

void warn_of_options_without_use(const JobContext& context, const std::filesystem::path& model) {
    std::string named;
    for (const char* name : of_new_models)
        if (context.options.given(name)) named += fmt::format("{}--{}", named.empty() ? "" : ", ", name);
    if (!named.empty() && context.is_root()) base::log_warning("{}: for new models only; {} stays as it is", named, model.string());
}

// Every option that shapes the training, and what it starts from.
store::StageKey training_key(const JobContext& context, const Training& training, const store::StageKey& corpus) {
    const auto& options = context.options;
    store::StageKey key(training.folder);
    if (!training.start)
        for (const char* name : of_new_models) key.add(name, options.text(name));
    for (const char* name : {"seed", "train-tokens", "pretrain-steps", "steps", "batch", "learning-rate", "warmup", "schedule",
                             "final-rate", "cooldown",
                             "layer-decay", "weight-decay", "clip", "held-out", "evaluate-every", "patience",
                             "temperature", "dropout", "drop-tokens", "side-events", "pooling", "train-precision",
                             "micro-batch-tokens", "reduction", "lora-rank", "lora-alpha", "lora-targets"})
        if (options.names(name)) key.add(name, options.text(name));
    add_training_data(key, options);
    if (training.language) key.add("words", text::word_rules_version());
    key.add("vocabulary rules", training.start ? "" : vocabulary_rules(options));
    key.add("tokenizer", options.given("tokenizer") ? fingerprint_of_tokenizer(options.text("tokenizer")) : "");
    key.add("initial model", training.start ? fingerprint_of_model(*training.start) : "");
    key.add("environment", float_environment(context));
    key.add_stage(corpus);
    return key;
}

void train_model(JobContext& context, store::RunFolder& run, store::Stage& stage, const store::StageKey& key,
                 const Training& training) {
    const auto& options = context.options;
    const auto folder = run.path() / training.folder;
    StageTimer timer(context, "train");
    std::shared_ptr<model::Encoder> encoder;
    if (training.start) {
        if (context.is_root()) copy_into_run(run, stage, training.folder, *training.start, files_beside_model(*training.start));
        parallel::barrier(context.comm);
        encoder = model::load_encoder(*training.start, context.is_root());
    } else {
        make_tokenizer(context, run, stage, training.folder);
    }
    const auto tokenizer = text::load_tokenizer(folder);
    if (!training.start && !options.given("tokenizer")) base::log_info("vocabulary: {} entries", base::human_count(tokenizer->vocabulary_size()));
    if (!encoder)
        encoder = model::make_model(new_model(options, tokenizer->vocabulary_size(), tokenizer.get()),
                                    static_cast<std::uint64_t>(options.integer("seed")));
    const auto objective = language_objective(training.start ? model::model_type_in(*training.start) : options.text("family"));
    const auto data = read_training_data(context);
    auto language_steps = training.language ? options.integer("pretrain-steps") : 0;
    const bool words = objective == train::ObjectiveKind::masked_language && language_steps > 0 && options.text("whole-words") == "on";
    const train::TokenStore tokens(context.comm, run.path(), *tokenizer, context.threads,
                                  std::max<std::int64_t>(longest_sequence, options.integer("train-tokens")), data->store_options(options, words));
    if (training.contrastive) data->report(context, tokens);
    auto pair_steps = training.contrastive ? settle_steps(options, tokens) : 0;
    const auto pair_objective = is_supervised(options) ? train::ObjectiveKind::supervised : train::ObjectiveKind::contrastive;
    Trained left;  // by the last training: an earlier one's head is of no use to a later one's encoder
    {
        const auto device = context.device;
        parallel::DeviceCommunicator carrier(context.comm, parallel::parse_collectives(options.text("collectives")), device.cuda);
        if (device.cuda) base::log_info("training on the GPU; gradients are summed by {}", carrier.description());
        encoder = model::on_device(encoder, device);
        std::string curves, held_out;
        const auto train = [&](const train::TrainOptions& settings) {
            auto trained = train_one(context, carrier.get(), key, tokens, *encoder, settings, run.path());
            curves += trained.curve;
            held_out += trained.held_out;
            left = std::move(trained);
            return left.steps;
        };
        if (language_steps > 0) {
            auto settings = train_options(context, objective, language_steps);
            settings.start = training.start.value_or("");
            language_steps = train(settings);
        }
        if (pair_steps > 0) {
            auto settings = train_options(context, pair_objective, pair_steps);
            data->settle(options, settings);
            // A classifier of the same labels learns further.
            if (training.start && !settings.labels.empty() && model::labels_in(*training.start, settings.multi_label) == settings.labels) settings.start = *training.start;
            pair_steps = train(settings);
        }
        run.describe("loss of " + training.folder, curves);
        if (!held_out.empty()) run.describe("held-out loss of " + training.folder, held_out);
    }
    if (context.is_root()) {
        // What texts' vectors are of this model is what it was trained for, whatever the folder said that it comes from.
        if (pair_steps > 0 && std::filesystem::exists(folder / model::pooling_file)) {
            const auto config = model::pooling_config(options.text("pooling"), model::width_of(*encoder));
            base::write_file_atomically(folder / model::pooling_file, config);
            stage.add(training.folder + "/" + model::pooling_file, base::sha256_hex(config));
        }
        for (const auto& file : model::save_model(folder, *encoder, left.head.get())) stage.add(training.folder + "/" + file.name, file.sha256);
        // In a folder of their own: beside the merged weights a loader would add them once more.
        if (left.adapters)
            for (const auto& file : train::save_adapters(folder / "adapter", *left.adapters))
                stage.add(training.folder + "/adapter/" + file.name, file.sha256);
    }
    run.describe("model", fmt::format("{}, a vocabulary of {}, {} steps of {}, {} steps of {}", model::describe(*encoder),
                                      base::human_count(tokenizer->vocabulary_size()), language_steps, name_of(objective), pair_steps, name_of(pair_objective)));
    stage.finish();
    timer.finish(fmt::format("{} steps", language_steps + pair_steps));
}

store::StageKey training_stage(JobContext& context, store::RunFolder& run, const store::StageKey& corpus, const Training& training) {
    parallel::agree(context.comm, [&] {
        if (!training.start && context.options.names("lora-rank") && context.options.integer("lora-rank") > 0)
            base::fail(base::ErrorKind::usage,
                       "--lora-rank adapts a trained model, and there is none: give one with --model, or run `pretrain` before");
    });
    if (training.start) warn_of_options_without_use(context, *training.start);
    const auto key = training_key(context, training, corpus);
    store::Stage stage(context.comm, run, key, {training.folder});
    if (stage.complete()) base::log_info("train: complete already");
    else train_model(context, run, stage, key, training);
    return key;
}

std::optional<std::filesystem::path> given_model(const Options& options) {
    if (!options.given("model")) return std::nullopt;
    return std::filesystem::path(options.text("model"));
}

}  // namespace

store::StageKey model_stage(JobContext& context, store::RunFolder& run, const store::StageKey& corpus) {
    const auto given = given_model(context.options);
    if (!given) return training_stage(context, run, corpus, {"model", true, true, std::nullopt});
    warn_of_options_without_use(context, *given);
    store::StageKey key("model");
    key.add("given model", fingerprint_of_model(*given));
    store::Stage stage(context.comm, run, key, {"model"});
    if (stage.complete()) return key;
    StageTimer timer(context, "train");
    if (context.is_root()) {
        copy_into_run(run, stage, "model", *given, model::model_files(*given));
        copy_into_run(run, stage, "model", *given, files_beside_model(*given));
    }
    run.describe("model", "given, not trained here");
    stage.finish();
    timer.finish("a given model is used, nothing is trained");
    return key;
}

void check_training(JobContext& context) {
    const auto& options = context.options;
    if (context.is_root())
        for (const auto& line : idle_options(options)) base::log_warning("of no use here: {}", line);
    parallel::agree(context.comm, [&] {
        const auto given = given_model(options);
        if (!given || options.job() != "run") check_training_data(options);  // `run` takes a given model as it is
        if (given && options.given("tokenizer"))
            base::fail(base::ErrorKind::usage, "--tokenizer: the model of --model brings its own; leave one of the two out");
        if (const auto heads = options.integer("heads"), width = options.integer("hidden"); !given && width % heads != 0)
            base::fail(base::ErrorKind::usage, "--heads {}: a width of {} (--hidden) is no multiple of it", heads, width);
        const auto positions = given ? model::check_encoder(*given)
                                     : model::check_new_model(new_model(options, options.integer("vocabulary-size"), nullptr));
        if (!given && !options.given("tokenizer")) check_vocabulary(options);
        if (given || options.given("tokenizer"))
            text::load_tokenizer(given ? *given : std::filesystem::path(options.text("tokenizer")), lowercase_if_given(options));
        for (const char* name : {"train-tokens", "max-tokens"})
            if (options.names(name) && options.integer(name) > positions)
                base::fail(base::ErrorKind::usage, "--{} {}: the model has {} positions", name, options.integer(name),
                           positions);
    });
    parallel::agree_on_collectives(context.comm, parallel::parse_collectives(context.options.text("collectives")),
                                   context.device.cuda);
}

int pretrain_job(JobContext& context) {
    check_training(context);
    parallel::agree(context.comm, [&] {
        if (context.options.integer("pretrain-steps") == 0)
            base::fail(base::ErrorKind::usage, "say how long: --pretrain-steps N (2,000 is a beginning)");
    });
    const auto folder = open_run(context, store::OpenMode::read);
    auto& run = *folder;
    training_stage(context, run, completed_stage(run, "corpus", "ingest"), {"pretrained", true, false, given_model(context.options)});
    return 0;
}

// Goes on from --model, else from what `pretrain` left in this run, else from fresh weights.
int finetune_job(JobContext& context) {
    check_training(context);
    const auto folder = open_run(context, store::OpenMode::read);
    auto& run = *folder;
    auto start = given_model(context.options);
    if (!start && run.recorded_key("pretrained")) {
        start = run.path() / "pretrained";
        if (context.options.given("tokenizer"))
            base::fail(base::ErrorKind::usage, "--tokenizer: the pretrained model of this run brings its own");
    }
    training_stage(context, run, completed_stage(run, "corpus", "ingest"), {"model", false, true, start});
    return 0;
}

}  // namespace kohort::jobs

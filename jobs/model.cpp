// The encoder of a run: a given model, or one trained on the corpus without labels. Also the jobs that only train.
#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stop_signal.h"
#include "corpus/user_document.h"
#include "model/device.h"
#include "model/model_config.h"
#include "model/pretrained.h"
#include "model_folder.h"
#include "parallel/agreement.h"
#include "parallel/balanced_ranges.h"
#include "parallel/collectives.h"
#include "parallel/device_communicator.h"
#include "parallel/heartbeat.h"
#include "stages.h"
#include "text/tokenizer.h"
#include "text/vocabulary_trainer.h"
#include "text/wordpiece_files.h"
#include "text/word_iterator.h"
#include "train/trainer.h"
#include "training_data.h"

namespace kohort::jobs {
namespace {

constexpr std::int64_t longest_sequence = 128;  // position embeddings of a new model

// The corpus's own vocabulary, the same at any number of ranks.
void make_tokenizer(JobContext& context, store::RunFolder& run, store::Stage& stage, const std::string& folder) {
    const auto& options = context.options;
    const auto keep_files = [&] {
        for (const auto& name : tokenizer_files_in(run.path() / folder))
            stage.add(folder + "/" + name, base::sha256_file(run.path() / folder / name));
    };
    if (options.given("tokenizer")) {
        if (context.is_root()) {
            text::load_tokenizer(options.text("tokenizer"), lowercase_if_given(options))->save(run.path() / folder, longest_sequence);
            keep_files();
        }
        parallel::barrier(context.comm);
        return;
    }
    const auto info = corpus::read_corpus_info(run.path());
    const auto range = parallel::balanced_ranges(info.text_bytes, context.comm.size())[static_cast<std::size_t>(context.comm.rank())];
    text::VocabularyOptions settings;
    settings.size = options.integer("vocabulary-size");
    settings.normalizer.lowercase = options.flag("lowercase");
    const auto vocabulary = text::train_vocabulary(
        context.comm,
        [&](const std::function<void(std::string_view)>& visit) {
            for (auto p = range.first; p < range.last; ++p) {
                parallel::heartbeat();
                base::leave_if_stop_requested("counting words");
                for (const auto& user : corpus::read_partition(run.path(), static_cast<std::int32_t>(p)).users)
                    for (const auto& event : user.events) visit(event.text);
            }
        },
        settings);
    if (context.is_root()) {
        const auto wordpiece = text::bert_settings(text::Vocabulary(vocabulary), settings.normalizer);
        text::save_wordpiece(wordpiece, run.path() / folder, longest_sequence);
        keep_files();
    }
    parallel::barrier(context.comm);
    base::log_info("vocabulary: {} entries", base::human_count(static_cast<std::int64_t>(vocabulary.size())));
}

model::ModelConfig new_model(const Options& options, std::int64_t vocabulary) {
    model::ModelConfig config;
    config.vocab_size = vocabulary;
    config.hidden_size = options.integer("hidden");
    config.num_hidden_layers = options.integer("layers");
    config.num_attention_heads = options.integer("heads");
    config.intermediate_size = options.integer("intermediate");
    config.max_position_embeddings = longest_sequence;
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = options.real("dropout");
    config.check();
    return config;
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
    settings.weight_decay = options.real("weight-decay");
    settings.clip = options.real("clip");
    settings.dropout = options.real("dropout");
    settings.threads = context.threads;
    settings.checkpoint_every = options.real("checkpoint-every");
    if (options.names("lora-rank")) {
        settings.lora.rank = options.integer("lora-rank");
        settings.lora.alpha = options.real("lora-alpha");
        settings.lora.targets = options.text("lora-targets") == "all" ? train::LoraTargets::all : train::LoraTargets::attention;
    }
    if (objective == train::ObjectiveKind::contrastive || objective == train::ObjectiveKind::supervised) {
        settings.side_events = options.integer("side-events");
        settings.temperature = options.real("temperature");
        settings.drop_tokens = options.real("drop-tokens");
        settings.pooling = options.text("pooling") == "cls" ? train::Pooling::cls : train::Pooling::mean;
    }
    return settings;
}

// Steps for a corpus of this size: every user is drawn about `passes` times, within limits that keep thirty users
// under a minute and thousands under ten minutes on two cores.
std::int64_t settle_steps(const Options& options, const train::TokenStore& store) {
    if (const auto asked = options.integer_or_auto("steps")) return *asked;
    constexpr std::int64_t passes = 8, fewest = 20, most = 300;
    const auto users = store.samples(train::SampleUnit::user);
    return std::clamp(passes * users / std::max<std::int64_t>(1, options.integer("batch")), fewest, most);
}

std::string loss_text(const train::TrainReport& report) {
    std::string text;
    for (const auto& [step, loss] : report.loss) text += fmt::format("{} {:.6f}\n", step, loss);
    return text;
}

// What a training leaves besides the encoder.
struct Trained {
    std::shared_ptr<const model::HeadWeights> head;
    std::shared_ptr<const train::AdapterWeights> adapters;
};

Trained train_one(JobContext& context, parallel::Communicator& comm, store::RunFolder& run, const store::StageKey& key,
                  const train::TokenStore& tokens, model::Encoder& encoder, const train::TrainOptions& settings) {
    const auto report = train::train(comm, tokens, encoder, settings, run.path(), key.hash(), context.metrics);
    run.describe("loss", loss_text(report));
    return {report.head, report.adapters};
}

// What a training stage does and where its model goes.
struct Training {
    std::string folder;                          // of the run; also the stage's name
    bool masked_language = false, contrastive = false;
    std::optional<std::filesystem::path> start;  // a model to start from; else fresh weights
};

// Every option that shapes the training, and what it starts from.
store::StageKey training_key(const JobContext& context, const Training& training, const store::StageKey& corpus) {
    const auto& options = context.options;
    store::StageKey key(training.folder);
    for (const char* name : {"seed", "vocabulary-size", "lowercase", "layers", "hidden", "heads", "intermediate", "train-tokens",
                             "pretrain-steps", "steps", "batch", "learning-rate", "warmup", "weight-decay", "clip",
                             "temperature", "dropout", "drop-tokens", "side-events", "pooling", "lora-rank", "lora-alpha",
                             "lora-targets"})
        if (options.names(name)) key.add(name, options.text(name));
    add_training_data(key, options);
    if (training.masked_language) key.add("words", text::word_rules_version());
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
        if (context.is_root()) copy_into_run(run, stage, training.folder, *training.start, tokenizer_files_in(*training.start));
        parallel::barrier(context.comm);
        encoder = model::load_encoder(*training.start, context.is_root());
    } else {
        make_tokenizer(context, run, stage, training.folder);
    }
    const auto tokenizer = text::load_tokenizer(folder);
    const auto config = training.start ? model::read_model_config(*training.start / "config.json")
                                       : new_model(options, tokenizer->vocabulary_size());
    if (!encoder) encoder = model::make_model(config, static_cast<std::uint64_t>(options.integer("seed")));
    const auto data = read_training_data(context);
    const bool words = training.masked_language && options.text("whole-words") == "on" && options.integer("pretrain-steps") > 0;
    const train::TokenStore tokens(context.comm, run.path(), *tokenizer, context.threads, longest_sequence, data->store_options(options, words));
    if (training.contrastive) data->report(context, tokens);
    const auto masked_steps = training.masked_language ? options.integer("pretrain-steps") : 0;
    const auto pair_steps = training.contrastive ? settle_steps(options, tokens) : 0;
    Trained left;  // by the last training: an earlier one's head is of no use to a later one's encoder
    {
        const auto device = context.device;
        parallel::DeviceCommunicator carrier(context.comm, parallel::parse_collectives(options.text("collectives")), device.cuda);
        if (device.cuda) base::log_info("training on the GPU; gradients are summed by {}", carrier.description());
        encoder = model::on_device(encoder, device);
        if (masked_steps > 0)
            left = train_one(context, carrier.get(), run, key, tokens, *encoder, train_options(context, train::ObjectiveKind::masked_language, masked_steps));
        if (pair_steps > 0) {
            auto settings = train_options(context, is_supervised(options) ? train::ObjectiveKind::supervised : train::ObjectiveKind::contrastive, pair_steps);
            data->settle(options, settings);
            left = train_one(context, carrier.get(), run, key, tokens, *encoder, settings);
        }
    }
    if (context.is_root()) {
        for (const auto& file : model::save_model(folder, *encoder, left.head.get())) stage.add(training.folder + "/" + file.name, file.sha256);
        // In a folder of their own: beside the merged weights a loader would add them once more.
        if (left.adapters)
            for (const auto& file : train::save_adapters(folder / "adapter", *left.adapters))
                stage.add(training.folder + "/adapter/" + file.name, file.sha256);
    }
    run.describe("model", fmt::format("{} layers of {}, a vocabulary of {}, {} steps of masked language modelling, {} {} steps",
                                      config.num_hidden_layers, config.hidden_size, base::human_count(tokenizer->vocabulary_size()),
                                      masked_steps, pair_steps, is_supervised(options) ? "supervised" : "contrastive"));
    stage.finish();
    timer.finish(fmt::format("{} steps", masked_steps + pair_steps));
}

store::StageKey training_stage(JobContext& context, store::RunFolder& run, const store::StageKey& corpus, const Training& training) {
    parallel::agree(context.comm, [&] {
        if (!training.start && context.options.names("lora-rank") && context.options.integer("lora-rank") > 0)
            base::fail(base::ErrorKind::usage,
                       "--lora-rank adapts a trained model, and there is none: give one with --model, or run `pretrain` before");
    });
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
    store::StageKey key("model");
    key.add("given model", fingerprint_of_model(*given));
    store::Stage stage(context.comm, run, key, {"model"});
    if (stage.complete()) return key;
    StageTimer timer(context, "train");
    if (context.is_root()) {
        copy_into_run(run, stage, "model", *given, model::model_files(*given));
        copy_into_run(run, stage, "model", *given, tokenizer_files_in(*given));
    }
    run.describe("model", "given, not trained here");
    stage.finish();
    timer.finish("a given model is used, nothing is trained");
    return key;
}

void check_training(JobContext& context) {
    const auto& options = context.options;
    parallel::agree(context.comm, [&] {
        const auto given = given_model(options);
        const bool trains = !given || options.job() != "run";  // `run` takes a given model as it is, of any family
        if (trains && options.names("pooling") && options.text("pooling") == "last")
            base::fail(base::ErrorKind::usage, "--pooling last: a model is trained with mean or cls");
        if (trains) check_training_data(options);
        if (given && options.given("tokenizer"))
            base::fail(base::ErrorKind::usage, "--tokenizer: the model of --model brings its own; leave one of the two out");
        const auto positions =
            given ? model::check_encoder(*given) : new_model(options, options.integer("vocabulary-size")).longest_sequence();
        if (given && trains)
            if (const auto type = model::read_model_config(*given / "config.json").model_type; type != "bert")
                base::fail(base::ErrorKind::usage,
                           "--model {}: training starts from a model of the type bert; a {} is for encoding only",
                           given->string(), type);
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

// The encoder of a run: a given model, or one trained on the corpus without labels. Also the jobs that only train.
#include <algorithm>
#include <sstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "corpus/user_document.h"
#include "model/device.h"
#include "model/pretrained.h"
#include "parallel/agreement.h"
#include "parallel/balanced_ranges.h"
#include "parallel/collectives.h"
#include "stages.h"
#include "text/tokenizer.h"
#include "text/vocabulary_trainer.h"
#include "text/wordpiece_files.h"
#include "train/trainer.h"

namespace kohort::jobs {
namespace {

constexpr const char* tokenizer_files[] = {"vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"};
constexpr std::int64_t longest_sequence = 128;  // position embeddings of a new model
constexpr const char* model_files[] = {"config.json", "model.safetensors", "model.safetensors.index.json"};

// SHA-256 over the files of a model's folder that matter; Error(usage) where there is no model.
std::string fingerprint(const std::filesystem::path& folder) {
    std::string listing;
    for (const auto* name : model_files)
        if (std::filesystem::exists(folder / name)) listing += std::string(name) + " " + base::sha256_file(folder / name) + "\n";
    if (listing.empty()) base::fail(base::ErrorKind::usage, "--model {}: no config.json there", folder.string());
    for (const auto* name : tokenizer_files)
        if (std::filesystem::exists(folder / name)) listing += std::string(name) + " " + base::sha256_file(folder / name) + "\n";
    return base::sha256_hex(listing);
}

std::string fingerprint_of_tokenizer(const std::filesystem::path& path) {
    if (std::filesystem::is_regular_file(path)) return base::sha256_file(path);
    std::string listing;
    for (const auto* name : tokenizer_files)
        if (std::filesystem::exists(path / name)) listing += std::string(name) + " " + base::sha256_file(path / name) + "\n";
    if (listing.empty()) base::fail(base::ErrorKind::usage, "--tokenizer {}: no tokenizer there", path.string());
    return base::sha256_hex(listing);
}

void copy_into_run(store::RunFolder& run, store::Stage& stage, const std::filesystem::path& from,
                   std::span<const char* const> names) {
    for (const auto* name : names) {
        if (!std::filesystem::exists(from / name)) continue;
        const auto target = std::string("model/") + name;
        const auto content = base::read_file(from / name);
        base::write_file_atomically(run.path() / target, content);
        stage.add(target, base::sha256_hex(content));
    }
}

// The corpus's own vocabulary, the same at any number of ranks.
void make_tokenizer(JobContext& context, store::RunFolder& run, store::Stage& stage) {
    const auto& options = context.options;
    if (options.given("tokenizer")) {
        if (context.is_root()) copy_into_run(run, stage, options.text("tokenizer"), tokenizer_files);
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
            for (auto p = range.first; p < range.last; ++p)
                for (const auto& user : corpus::read_partition(run.path(), static_cast<std::int32_t>(p)).users)
                    for (const auto& event : user.events) visit(event.text);
        },
        settings);
    if (context.is_root()) {
        const auto wordpiece = text::bert_settings(text::Vocabulary(vocabulary), settings.normalizer);
        text::save_wordpiece(wordpiece, run.path() / "model", longest_sequence);
        for (const auto* name : tokenizer_files) {
            const auto file = std::string("model/") + name;
            if (std::filesystem::exists(run.path() / file)) stage.add(file, base::sha256_file(run.path() / file));
        }
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
    config.intermediate_size = options.integer("intermediate") > 0 ? options.integer("intermediate") : 4 * config.hidden_size;
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
    if (objective == train::ObjectiveKind::contrastive) {
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
    constexpr std::int64_t passes = 6, fewest = 20, most = 250;
    const auto users = store.samples(train::SampleUnit::user);
    return std::clamp(passes * users / std::max<std::int64_t>(1, options.integer("batch")), fewest, most);
}

std::string loss_text(const train::TrainReport& report) {
    std::string text;
    for (const auto& [step, loss] : report.loss) text += fmt::format("{} {:.6f}\n", step, loss);
    return text;
}

void train_one(JobContext& context, store::RunFolder& run, const store::StageKey& key, const train::TokenStore& tokens,
               model::Bert& bert, const train::TrainOptions& settings) {
    if (settings.steps <= 0) return;
    const auto report = train::train(context.comm, tokens, bert, settings, run.path(), key.hash(), context.metrics);
    run.describe("loss", loss_text(report));
}

// What training depends on: every option that shapes it.
store::StageKey training_key(const Options& options, const store::StageKey& corpus) {
    store::StageKey key("model");
    for (const char* name : {"seed", "vocabulary-size", "lowercase", "layers", "hidden", "heads", "intermediate", "train-tokens",
                             "pretrain-steps", "steps", "batch", "learning-rate", "warmup", "weight-decay", "clip",
                             "temperature", "dropout", "drop-tokens", "side-events", "pooling"})
        if (options.names(name)) key.add(name, options.text(name));
    key.add("tokenizer", options.given("tokenizer") ? fingerprint_of_tokenizer(options.text("tokenizer")) : "");
    key.add("initial model", options.given("model") ? fingerprint(options.text("model")) : "");
    key.add("environment", float_environment("cpu"));
    key.add_stage(corpus);
    return key;
}

// Trains into RUN/model: from --model where a training job was given one, else from fresh weights.
void train_model(JobContext& context, store::RunFolder& run, store::Stage& stage, const store::StageKey& key,
                 std::int64_t pretrain_steps, bool contrastive) {
    const auto& options = context.options;
    StageTimer timer(context, "train");
    std::shared_ptr<model::Bert> bert;
    if (options.given("model")) {
        if (context.is_root()) copy_into_run(run, stage, options.text("model"), tokenizer_files);
        parallel::barrier(context.comm);
        bert = model::load_model(options.text("model"), context.is_root());
    } else {
        make_tokenizer(context, run, stage);
    }
    const auto tokenizer = text::load_tokenizer(run.path() / "model");
    if (!bert) bert = model::make_model(new_model(options, tokenizer->vocabulary_size()), static_cast<std::uint64_t>(options.integer("seed")));
    const train::TokenStore tokens(context.comm, run.path(), *tokenizer, context.threads);
    train_one(context, run, key, tokens, *bert, train_options(context, train::ObjectiveKind::masked_language, pretrain_steps));
    const auto steps = contrastive ? settle_steps(options, tokens) : 0;
    if (contrastive) train_one(context, run, key, tokens, *bert, train_options(context, train::ObjectiveKind::contrastive, steps));
    if (context.is_root())
        for (const auto& file : model::save_model(run.path() / "model", *bert)) stage.add("model/" + file.name, file.sha256);
    run.describe("model", fmt::format("{} steps of masked language modelling, {} contrastive steps, vocabulary of {}", pretrain_steps,
                                      steps, base::human_count(tokenizer->vocabulary_size())));
    stage.finish();
    timer.finish(fmt::format("{} steps", pretrain_steps + steps));
}

int training_job(JobContext& context, std::int64_t pretrain_steps, bool contrastive) {
    auto run = open_run(context, store::OpenMode::resume);
    const auto key = training_key(context.options, completed_stage(run, "corpus", "ingest"));
    store::Stage stage(context.comm, run, key, {"model"});
    if (stage.complete()) base::log_info("train: complete already");
    else train_model(context, run, stage, key, pretrain_steps, contrastive);
    return 0;
}

}  // namespace

store::StageKey model_stage(JobContext& context, store::RunFolder& run, const store::StageKey& corpus) {
    const auto& options = context.options;
    if (options.given("model")) {
        store::StageKey key("model");
        key.add("given model", fingerprint(options.text("model")));
        store::Stage stage(context.comm, run, key, {"model"});
        if (stage.complete()) return key;
        StageTimer timer(context, "train");
        if (context.is_root()) {
            copy_into_run(run, stage, options.text("model"), model_files);
            copy_into_run(run, stage, options.text("model"), tokenizer_files);
        }
        run.describe("model", "given, not trained here");
        stage.finish();
        timer.finish("a given model is used, nothing trained");
        return key;
    }
    const auto key = training_key(options, corpus);
    store::Stage stage(context.comm, run, key, {"model"});
    if (stage.complete()) base::log_info("train: complete already");
    else train_model(context, run, stage, key, options.integer("pretrain-steps"), true);
    return key;
}

int pretrain_job(JobContext& context) { return training_job(context, context.options.integer("pretrain-steps"), false); }
int finetune_job(JobContext& context) { return training_job(context, 0, true); }

}  // namespace kohort::jobs

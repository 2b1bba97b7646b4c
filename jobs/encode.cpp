// User documents, or the texts of any table, to vectors.
#include "corpus/text_table.h"
#include "encode/encode_table.h"

#include "base/error.h"
#include "base/log.h"
#include "encode_options.h"
#include "model/pretrained.h"
#include "parallel/agreement.h"
#include "stages.h"
#include "text/tokenizer.h"

namespace kohort::jobs {

namespace {

encode::EncodeOptions encode_settings(JobContext& context) {
    auto settings = encode_options(context);
    settings.partition_written = [&context](std::int32_t partition, double seconds) {
        trace_partition(context, "encode", partition, seconds);
    };
    return settings;
}

// What it is computed with, once a job.
void say_how(const JobContext& context, const encode::EncodeOptions& settings) {
    if (!context.is_root()) return;
    const auto& texts = settings.texts;
    const bool by_level = context.options.text("isa") != "auto" && !texts.device.cuda;
    base::log_info("encoding in {} on {}{}", model::name_of(texts.precision), model::describe(texts.device),
                   context.options.text("precision") != "auto" ? ""
                   : by_level                                  ? ", as --isa leaves no choice to --precision auto"
                                                               : ", which --precision auto finds best for this machine");
    model::warn_about_slow_bf16(texts.precision, texts.device);
    if (!texts.device.cuda) model::warn_about_slow_blas();
}

store::StageKey encode_key(const JobContext& context, const encode::EncodeOptions& settings) {
    store::StageKey key("embedding");
    encode::add_to_key(key, settings);
    key.add("environment", float_environment(context));
    return key;
}

}  // namespace

store::StageKey encode_stage(JobContext& context, store::RunFolder& run, const store::StageKey& corpus,
                             const store::StageKey& model) {
    const auto settings = encode_settings(context);
    auto key = encode_key(context, settings);
    key.add_stage(corpus).add_stage(model);
    store::Stage stage(context.comm, run, key, {"embedding"});
    if (stage.complete()) {
        base::log_info("encode: complete already");
        return key;
    }
    StageTimer timer(context, "encode");
    say_how(context, settings);
    const auto tokenizer = text::load_tokenizer(run.path() / "model");
    const auto model_used = model::load_encoder(run.path() / "model", context.is_root());
    const auto report = encode::encode_users(context.comm, run, stage, key, *model_used, *tokenizer, settings);
    stage.finish();
    timer.finish(report.summary);
    return key;
}

namespace {

// A folder of its own, with the vectors of a table's rows and the model that made them.
void encode_rows(JobContext& context) {
    const auto& options = context.options;
    if (!options.given("model")) base::fail(base::ErrorKind::usage, "--input {}: name the model that encodes its texts: --model DIR", options.list("input").front());
    for (const char* name : {"behavior-weights", "half-life"})
        if (options.given(name))
            base::fail(base::ErrorKind::usage, "--{} is for users' events, and rows of a table are none: leave it out", name);
    const auto names = options.list("input");
    const std::vector<std::filesystem::path> inputs(names.begin(), names.end());
    const corpus::TextTable table(context.comm, inputs, corpus::parse_encoding(options.text("encoding")), options.text("text-column"));
    parallel::agree(context.comm, [&] {
        const std::filesystem::path given = options.text("model");
        if (const auto longest = model::check_encoder(given); options.integer("max-tokens") > longest)
            base::fail(base::ErrorKind::usage, "--max-tokens {}: the model has {} positions", options.integer("max-tokens"), longest);
        if (!table.holds_ids()) text::load_tokenizer(given);
    });
    const auto folder = open_run(context, options.flag("resume") ? store::OpenMode::resume : store::OpenMode::create);
    auto& run = *folder;
    parallel::agree(context.comm, [&] {
        if (run.recorded_key("corpus"))
            base::fail(base::ErrorKind::usage, "{} holds users, and a table's rows are none: choose another --out", run.path().string());
    });
    StageTimer timer(context, "encode");
    const auto settings = encode_settings(context);
    auto key = encode_key(context, settings);
    key.add("table", table.identity());
    key.add_stage(model_stage(context, run, store::StageKey("corpus")));  // a given model does not depend on one
    store::Stage stage(context.comm, run, key, {"embedding"});
    if (stage.complete()) return base::log_info("encode: complete already");
    say_how(context, settings);
    const auto tokenizer = table.holds_ids() ? nullptr : text::load_tokenizer(run.path() / "model");
    const auto model = model::load_encoder(run.path() / "model", context.is_root());
    const auto report = encode::encode_table(context.comm, run, stage, key, *model, tokenizer.get(), table, options.real("max-bad-fraction"), settings);
    stage.finish();
    timer.finish(report.summary);
}

}  // namespace

int encode_job(JobContext& context) {
    if (!context.options.list("input").empty()) {
        encode_rows(context);
        return 0;
    }
    const auto folder = open_run(context, store::OpenMode::read);
    auto& run = *folder;
    const auto corpus = completed_stage(run, "corpus", "ingest");
    const auto model = context.options.given("model") ? model_stage(context, run, corpus) : completed_stage(run, "model", "finetune");
    encode_stage(context, run, corpus, model);
    return 0;
}

}  // namespace kohort::jobs

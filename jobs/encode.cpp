// User documents to vectors.
#include "encode/encode.h"

#include "base/log.h"
#include "encode_options.h"
#include "model/pretrained.h"
#include "stages.h"
#include "text/tokenizer.h"

namespace kohort::jobs {

store::StageKey encode_stage(JobContext& context, store::RunFolder& run, const store::StageKey& corpus,
                             const store::StageKey& model) {
    auto settings = encode_options(context);
    settings.partition_written = [&context](std::int32_t partition, double seconds) {
        trace_partition(context, "encode", partition, seconds);
    };
    store::StageKey key("embedding");
    encode::add_to_key(key, settings);
    key.add("environment", float_environment(context));
    key.add_stage(corpus).add_stage(model);
    store::Stage stage(context.comm, run, key, {"embedding"});
    if (stage.complete()) {
        base::log_info("encode: complete already");
        return key;
    }
    StageTimer timer(context, "encode");
    if (context.is_root() && !settings.texts.device.cuda) model::warn_about_slow_blas();
    const auto tokenizer = text::load_tokenizer(run.path() / "model");
    const auto bert = model::load_model(run.path() / "model", context.is_root());
    const auto report = encode::encode_users(context.comm, run, stage, key, *bert, *tokenizer, settings);
    stage.finish();
    timer.finish(report.summary);
    return key;
}

int encode_job(JobContext& context) {
    const auto folder = open_run(context, store::OpenMode::read);
    auto& run = *folder;
    const auto corpus = completed_stage(run, "corpus", "ingest");
    const auto model = context.options.given("model") ? model_stage(context, run, corpus) : completed_stage(run, "model", "finetune");
    encode_stage(context, run, corpus, model);
    return 0;
}

}  // namespace kohort::jobs

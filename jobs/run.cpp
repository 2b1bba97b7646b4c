// The main job: raw records to segments, stage by stage. What is complete already is skipped.
#include "base/log.h"
#include "base/progress.h"
#include "encode_options.h"
#include "stages.h"

namespace kohort::jobs {

int run_job(JobContext& context) {
    encode_options(context);  // a missing GPU or a bad value should not wait until the encoder is trained
    check_training(context);
    check_arithmetic(context);
    check_segment_files(context);
    const auto start = std::chrono::steady_clock::now();
    const auto folder = open_run(context, context.options.flag("resume") ? store::OpenMode::resume : store::OpenMode::create);
    auto& run = *folder;
    const auto corpus = ingest_stage(context, run);
    check_clusters(context, run);
    const auto model = model_stage(context, run, corpus);
    const auto embedding = encode_stage(context, run, corpus, model);
    const auto segment = cluster_stage(context, run, embedding);
    segment_stage(context, run, segment);
    base::log_info("done in {}: {}", base::human_duration(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()),
                   (run.path() / "report.html").string());
    return 0;
}

}  // namespace kohort::jobs

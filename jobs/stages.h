// The stages that jobs are made of. Each is collective, leaves its part of the run's folder, skips itself when that
// part is complete, and returns its key, which the next stage's key includes.
#pragma once

#include "job_context.h"
#include "store/run_folder.h"

namespace kohort::jobs {

// What a long run would otherwise find out at its end: each refuses, on all ranks, what a later stage could not use.
void check_training(JobContext& context);                                       // model, tokenizer, a GPU, NCCL
void check_arithmetic(JobContext& context);                                     // --kernel, --prefilter, --memory
void check_clusters(JobContext& context, const store::RunFolder& run);          // more clusters than users; --previous
void check_segment_files(JobContext& context);                                  // --tags, --stop-words

store::StageKey ingest_stage(JobContext& context, store::RunFolder& run);
store::StageKey model_stage(JobContext& context, store::RunFolder& run, const store::StageKey& corpus);
store::StageKey encode_stage(JobContext& context, store::RunFolder& run, const store::StageKey& corpus,
                             const store::StageKey& model);
store::StageKey cluster_stage(JobContext& context, store::RunFolder& run, const store::StageKey& embedding);
void segment_stage(JobContext& context, store::RunFolder& run, const store::StageKey& segment,
                   store::OtherKey other = store::OtherKey::refuse);

// The key of an earlier stage that is complete in the run's folder. Error(usage) naming the job that makes it.
store::StageKey completed_stage(const store::RunFolder& run, const std::string& stage, const std::string& job);

}  // namespace kohort::jobs

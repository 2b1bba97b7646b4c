// What every job has at hand: its ranks, its options, its run folder's metrics, and a timer for each stage.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "model/device.h"
#include "options.h"
#include "parallel/communicator.h"
#include "store/run_folder.h"

namespace kohort::text {
class Tokenizer;
}

namespace kohort::jobs {

struct JobContext {
    parallel::Communicator& comm;
    const Options& options;
    int threads = 1;          // of this rank
    model::Device device;     // where this rank trains and encodes; of one kind on all ranks
    std::string device_kind;  // "cpu", "cuda NVIDIA A100-SXM4-40GB": floats depend on it
    base::Metrics metrics;    // writes on rank 0 once a run folder is open
    base::Metrics trace;      // of this rank: trace/rank-NNNNN.jsonl

    bool is_root() const { return comm.is_root(); }
};

// Each returns the program's exit code, or throws base::Error.
int run_job(JobContext& context);
int synth_job(JobContext& context);
int ingest_job(JobContext& context);
int pretrain_job(JobContext& context);
int finetune_job(JobContext& context);
int encode_job(JobContext& context);
int cluster_job(JobContext& context);
int segment_job(JobContext& context);
int tokenize_job(JobContext& context);
int verify_job(JobContext& context);

// Opens --out as --resume says, with its log/, metrics.jsonl and trace/. Collective.
std::unique_ptr<store::RunFolder> open_run(JobContext& context, store::OpenMode mode);

// Error(usage) where the run is of a table or a matrix: before a stage is begun that is for users.
void demand_users(JobContext& context, const store::RunFolder& run);

// Times one stage; finish() (collective) records {"event":"stage"} with the slowest rank's seconds, the share of
// it spent waiting for others, bytes sent by all ranks, the largest peak memory, and tells people on rank 0.
class StageTimer {
  public:
    StageTimer(JobContext& context, std::string stage);
    void finish(const std::string& summary);

  private:
    JobContext& context_;
    std::string stage_;
    std::chrono::steady_clock::time_point start_;
    parallel::CommunicationStatistics before_;
};

// --lowercase where it was given, for tokenizers whose files may say otherwise.
std::optional<bool> lowercase_if_given(const Options& options);

// Logs a warning where it was given and the tokenizer is no WordPiece, whose files leave no room for it. Call it on one rank.
void warn_of_lowercase(const Options& options, const text::Tokenizer& tokenizer);

// Notes in the rank's trace that it worked on a partition of a stage.
void trace_partition(JobContext& context, const std::string& stage, std::int32_t partition, double seconds);

// What float results depend on beyond data and options: build, instruction set, device.
std::string float_environment(const JobContext& context);

}  // namespace kohort::jobs

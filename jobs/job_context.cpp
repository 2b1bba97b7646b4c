#include "job_context.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/error.h"
#include "environment.h"
#include "model/torch_version.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"
#include "parallel/mpi_communicator.h"
#include "stages.h"
#include "text/wordpiece.h"
#include "version.h"

namespace kohort::jobs {

std::unique_ptr<store::RunFolder> open_run(JobContext& context, store::OpenMode mode) {
    const auto& options = context.options;
    auto run = std::make_unique<store::RunFolder>(context.comm, options.text("out"), mode);
    if (context.is_root()) {
        std::filesystem::create_directories(run->path() / "log");
        std::filesystem::create_directories(run->path() / "trace");
        base::log_to_file(run->path() / "log" / "kohort.log");
        context.metrics = base::Metrics(run->path() / "metrics.jsonl");
    }
    parallel::barrier(context.comm);
    context.trace = base::Metrics(run->path() / "trace" / fmt::format("rank-{:05}.jsonl", context.comm.rank()));
    base::log_info("{}, {} thread{} a rank", parallel::describe(context.comm.topology()), context.threads,
                   context.threads == 1 ? "" : "s");
    run->describe("version", version_text());
    run->describe("configuration of " + options.job(), options.as_config());
    return run;
}

StageTimer::StageTimer(JobContext& context, std::string stage)
    : context_(context), stage_(std::move(stage)), start_(std::chrono::steady_clock::now()), before_(context.comm.statistics()) {}

void StageTimer::finish(const std::string& summary) {
    auto& comm = context_.comm;
    const auto now = comm.statistics();
    const double own = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const double waited = now.wait_seconds - before_.wait_seconds;
    const double seconds = parallel::all_max(comm, own);
    const auto wait_micros = parallel::all_sum(comm, static_cast<std::int64_t>(waited * 1e6));
    const auto bytes = parallel::all_sum(comm, now.bytes - before_.bytes);
    const auto peak = parallel::all_max(comm, base::peak_memory());
    const double share = seconds > 0 ? static_cast<double>(wait_micros) / 1e6 / seconds / comm.size() : 0;
    context_.metrics.record("stage", {{"stage", stage_}, {"seconds", seconds}, {"wait_share", share}, {"bytes_sent", bytes},
                                      {"peak_memory", peak}, {"ranks", comm.size()}, {"threads", context_.threads}});
    base::log_info("{}: {} ({}, {:.0f}% of it waiting for other ranks)", stage_, summary, base::human_duration(seconds), 100 * share);
}

void demand_users(JobContext& context, const store::RunFolder& run) {
    parallel::agree(context.comm, [&] {
        if (run.recorded_key("corpus")) return;
        const bool vectors = run.recorded_key("embedding").has_value();
        base::fail(base::ErrorKind::usage, "{} holds no users{}", run.path().string(),
                   vectors ? fmt::format(", but vectors of a table's rows: for their clusters give cluster --input {}/kohort.h5:/obsm/embedding --out "
                                         "ANOTHER",
                                         run.path().string())
                           : ": run `kohort ingest` first");
    });
}

std::optional<bool> lowercase_if_given(const Options& options) {
    return options.given("lowercase") ? std::optional(options.flag("lowercase")) : std::nullopt;
}

void warn_of_lowercase(const Options& options, const text::Tokenizer& tokenizer) {
    if (options.given("lowercase") && !dynamic_cast<const text::WordPiece*>(&tokenizer))
        base::log_warning("--lowercase is for WordPiece, which {} is not: it changes nothing", options.text("tokenizer"));
}

void trace_partition(JobContext& context, const std::string& stage, std::int32_t partition, double seconds) {
    context.trace.record("partition", {{"stage", stage}, {"partition", partition}, {"rank", context.comm.rank()}, {"seconds", seconds}});
}

store::StageKey completed_stage(const store::RunFolder& run, const std::string& stage, const std::string& job) {
    if (auto key = run.recorded_key(stage)) return *key;
    base::fail(base::ErrorKind::usage, "{} holds no complete {}: run `kohort {} --out {}` first", run.path().string(), stage, job,
               run.path().string());
}

std::string float_environment(const JobContext& context) {
    return build_version() + ", " + model::torch_version() + ", " + blas_version() + ", " + instruction_set() + " " + context.device_kind;
}

}  // namespace kohort::jobs

// Raw files to cleaned, deduplicated user documents in partitions.
#include "corpus/ingest.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/progress.h"
#include "stages.h"

namespace kohort::jobs {
namespace {

corpus::IngestOptions ingest_options(JobContext& context) {
    const auto& options = context.options;
    corpus::IngestOptions settings;
    for (const auto& input : options.list("input")) settings.inputs.emplace_back(input);
    if (settings.inputs.empty()) base::fail(base::ErrorKind::usage, "name the input: --input FILE");
    settings.encoding = corpus::parse_encoding(options.text("encoding"));
    settings.columns = {options.text("user-column"), options.text("item-column"), options.text("behavior-column"),
                        options.text("time-column"), options.text("text-column"),
                        corpus::parse_history_columns(options.text("history-columns")), options.text("separator")};
    settings.pseudonyms = options.text("ids") == "pseudonym";
    settings.key_file = options.text("key-file");
    if (settings.pseudonyms && settings.key_file.empty())
        base::fail(base::ErrorKind::usage, "--ids pseudonym needs a key: --key-file FILE with 16 to 64 bytes");
    if (!settings.pseudonyms && !settings.key_file.empty())
        base::fail(base::ErrorKind::usage, "--key-file is given, but ids would stay as they are; add --ids pseudonym");
    settings.items = options.text("items");
    if (!settings.items.empty()) settings.item_text = options.text("item-text");
    settings.partitions = static_cast<std::int32_t>(options.integer_or_auto("partitions").value_or(0));
    // A rank keeps its share of the input where that fits, so as to read it once; its users are to fit besides.
    settings.limits.memory = std::max(settings.limits.memory, base::available_memory() / (4 * context.comm.topology().local_size));
    settings.max_bad_fraction = options.real("max-bad-fraction");
    settings.partition_written = [&context](std::int32_t partition, double seconds) {
        trace_partition(context, "ingest", partition, seconds);
    };
    return settings;
}

}  // namespace

store::StageKey ingest_stage(JobContext& context, store::RunFolder& run) {
    StageTimer timer(context, "ingest");
    const auto report = corpus::ingest(context.comm, run, ingest_options(context));
    if (report.reused) {
        base::log_info("ingest: complete already");
        return report.key;
    }
    for (std::size_t rank = 0; rank < report.bytes_read.size(); ++rank)
        context.metrics.record("bytes_read", {{"stage", "ingest"}, {"rank", static_cast<std::int64_t>(rank)},
                                              {"bytes", report.bytes_read[rank]}, {"total", report.bytes_total}});
    for (const auto& columns : report.columns) base::log_info("ingest: columns {}", columns);
    timer.finish(report.summary);
    return report.key;
}

int ingest_job(JobContext& context) {
    const auto folder = open_run(context, context.options.flag("resume") ? store::OpenMode::resume : store::OpenMode::create);
    auto& run = *folder;
    ingest_stage(context, run);
    return 0;
}

}  // namespace kohort::jobs

// The program: reads the command line, fixes the numeric environment, joins the ranks and starts one job.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "environment.h"
#include "job_context.h"
#include "model_folder.h"
#include "options.h"
#include "parallel/collectives.h"
#include "parallel/agreement.h"
#include "parallel/device_runtime.h"
#include "parallel/mpi_program.h"
#include "version.h"

// What jemalloc reads before main: memory in pages of 2 MiB where the system gives them on request. Training is a quarter
// faster so. The environment's MALLOC_CONF comes after it.
extern "C" [[gnu::visibility("default")]] const char* malloc_conf;
const char* malloc_conf = "thp:always";

namespace {

using namespace kohort;
using namespace kohort::jobs;

using JobFunction = int (*)(JobContext&);

JobFunction find_job(const std::string& name) {
    static const std::map<std::string, JobFunction> jobs = {
        {"run", run_job},         {"synth", synth_job},     {"ingest", ingest_job},     {"pretrain", pretrain_job},
        {"finetune", finetune_job}, {"encode", encode_job}, {"cluster", cluster_job},   {"segment", segment_job},
        {"tokenize", tokenize_job}, {"verify", verify_job}};
    return jobs.at(name);
}

// Threads a rank: the node's cores shared by its ranks, or what --threads says.
int choose_threads(const Options& options, const parallel::Communicator& comm) {
    if (!options.names("threads")) return 1;
    const auto asked = options.integer_or_auto("threads");
    if (asked && *asked < 1) base::fail(base::ErrorKind::usage, "--threads {}: give at least 1, or auto", *asked);
    // Slurm gives each task its own cores, and a shared node has other jobs; mpirun's binding means nothing here.
    const char* task_cores = std::getenv("SLURM_CPUS_PER_TASK");
    const bool in_slurm = std::getenv("SLURM_STEP_ID") != nullptr;
    if (asked ? *asked > usable_cores() : !in_slurm) widen_binding(node_cores());
    if (asked) return static_cast<int>(*asked);
    if (in_slurm && task_cores) return std::clamp(std::atoi(task_cores), 1, usable_cores());
    return std::max(1, usable_cores() / comm.topology().local_size);
}

// Floats promise equal bits on one kind of processor only: a mixed set of ranks needs a common level by --isa.
void check_equal_processors(parallel::Communicator& comm, const Options& options) {
    if (!options.names("isa")) return;
    const std::string mine = options.text("isa") == "auto" ? processor_name() + " with " + instruction_set() : instruction_set();
    parallel::require_equal(comm, mine, "processors", "name a common level with --isa avx2");
}

// --device on this rank, and its kind; a mixed set of ranks is refused, as floats would differ.
void settle_device(JobContext& context) {
    if (!context.options.names("device")) return;
    parallel::agree(context.comm, [&] {
        context.device = model::choose_device(context.options.text("device"), context.comm.topology().local_rank);
        if (context.device.cuda) context.device_kind = "cuda " + parallel::linked_device_runtime()->name(context.device.index);
    });
    parallel::require_equal(context.comm, context.device_kind, "devices",
                            "use --device cpu, or start ranks only where there is the same kind of GPU");
}

// The whole of a job on this rank.
int start_job(parallel::Communicator& comm, Options options) {
    base::set_up_log(base::parse_log_level(options.text("log-level")), comm.rank());
    check_equal_processors(comm, options);
    parallel::agree(comm, [&] { follow_model_folder(options, comm.is_root()); });
    JobContext context{comm, options, choose_threads(options, comm), {}, "cpu", {}, {}};
    settle_device(context);
    return find_job(options.job())(context);
}

int run_program(int count, char** arguments) {
    const auto line = parse_command_line(count, arguments);
    if (line.version) {
        std::fputs(version_text().c_str(), stdout);
        return 0;
    }
    if (line.help) {
        std::fputs((line.job.empty() ? general_help() : job_help(line.job)).c_str(), stdout);
        return 0;
    }
    if (line.print_config) {
        Options options = *line.options;
        follow_model_folder(options, false);
        std::fputs(options.as_config().c_str(), stdout);
        return 0;
    }
    fix_numeric_environment(line.options->names("isa") ? line.options->text("isa") : "auto", arguments);
    if (line.options->names("resume")) base::catch_stop_signals();  // the other jobs have nothing to save
    parallel::MpiOptions settings;
    if (line.options->names("watchdog")) settings.watchdog_seconds = static_cast<double>(line.options->integer("watchdog"));
    if (line.options->names("device") && line.options->text("device") != "cpu")
        if (const auto device = parallel::linked_device_runtime()) settings.gpus = device->devices();
    return parallel::run_on_all_ranks(settings, [&](parallel::Communicator& comm) { return start_job(comm, *line.options); });
}

}  // namespace

int main(int count, char** arguments) {
    // Before the ranks are joined every rank finds the same fault: only the first of them says so. The others give it
    // a moment, because a launcher ends all as soon as one fails.
    const auto report = [](const char* message) {
        if (launcher_rank() == 0) base::print_error(message);
        else std::this_thread::sleep_for(std::chrono::seconds(1));
    };
    try {
        return run_program(count, arguments);
    } catch (const base::Error& error) {
        report(error.what());
        return error.exit_code();
    } catch (const std::exception& error) {
        report(error.what());
        return static_cast<int>(base::ErrorKind::internal);
    }
}

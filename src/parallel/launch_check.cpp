#include "parallel/launch_check.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "parallel/communicator.h"

namespace kohort::parallel {
namespace {

std::optional<std::string> process_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
}

std::optional<int> number(const Environment& environment, const std::string& name) {
    const auto text = environment(name);
    int value = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc()) return std::nullopt;
    return value;
}

// This copy's number among those that the launcher started.
int copy_number(const Environment& environment) {
    for (const auto* name : {"SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"})
        if (const auto rank = number(environment, name)) return *rank;
    return 0;
}

}  // namespace

std::optional<std::string> wrong_launch(int world_size, const Environment& environment) {
    if (const auto tasks = number(environment, "SLURM_STEP_NUM_TASKS"); tasks && *tasks > world_size)
        return fmt::format(
            "MPI sees {} of the {} tasks of this srun step, so each would do the whole job by itself; start it with "
            "srun --mpi=pmix -n {} kohort …, and without mpirun inside srun",
            world_size, *tasks, *tasks);
    for (const auto* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
        if (const auto ranks = number(environment, name); ranks && *ranks > world_size)
            return fmt::format(
                "MPI sees {} of the {} processes that mpirun started, so each would do the whole job by itself; use the "
                "mpirun of the MPI library that kohort is built with (kohort --version names it)",
                world_size, *ranks);
    return std::nullopt;
}

void check_launch(const MpiSession& session) {
    const auto problem = wrong_launch(session.size(), process_environment);
    if (!problem) return;
    if (session.rank() != 0 || copy_number(process_environment) != 0) {
        // Copies that MPI holds apart cannot wait for each other, and a launcher ends all when the first one fails:
        // the copy that speaks gets a moment.
        if (session.size() == 1) std::this_thread::sleep_for(std::chrono::seconds(1));
        throw PeerError(0, static_cast<int>(base::ErrorKind::environment));
    }
    base::fail(base::ErrorKind::environment, "{}", *problem);
}

}  // namespace kohort::parallel

// Finds out whether the ranks were started in a way that cannot work: several copies of the program that each
// believe to be alone would do the same job side by side and write over each other's files.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "parallel/mpi_session.h"

namespace kohort::parallel {

// The value of an environment variable, or nothing.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// What is wrong with how a world of `world_size` ranks was started, and the command to use; nothing when it is fine.
std::optional<std::string> wrong_launch(int world_size, const Environment& environment);

// Called by jobs that use all ranks, before they make a communicator; jobs of a single process do without.
// Error(environment) when the launch is wrong. Of several copies that are each alone only the first (by
// SLURM_PROCID or the launcher's rank) throws it; the others throw PeerError, which main ends silently with the
// same exit code.
void check_launch(const MpiSession& session);

}  // namespace kohort::parallel

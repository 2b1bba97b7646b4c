// The frame of a program whose ranks are MPI processes: from MPI's initialisation to the exit code.
#pragma once

#include <chrono>
#include <functional>

#include "parallel/communicator.h"
#include "parallel/mpi_communicator.h"

namespace kohort::parallel {

// Initialises MPI, refuses a wrong launch (launch_check.h), makes the communicator of all ranks, runs the job on it
// guarded (agreement.h), finalises MPI, and returns the exit code. Throws nothing.
int run_on_all_ranks(const MpiOptions& options, const std::function<int(Communicator&)>& job,
                     std::chrono::milliseconds patience = std::chrono::seconds(5));

}  // namespace kohort::parallel

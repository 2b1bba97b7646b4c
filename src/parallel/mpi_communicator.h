// Communicator between processes, over MPI's non-blocking operations.
#pragma once

#include <cstdint>
#include <memory>

#include "parallel/communicator.h"
#include "parallel/mpi_session.h"

namespace kohort::parallel {

struct MpiOptions {
    // MPI counts in int, and implementations have failed on transfers of 2 GiB and more: longer ones are cut. The
    // same on all ranks. Tests set it low.
    std::int64_t largest_transfer = std::int64_t{1} << 30;
    // A rank without a sign of life (heartbeat.h) for so long is reported and ends the job; 0: never.
    double watchdog_seconds = 300;
    double watchdog_grace_seconds = 8;  // what the others then have to leave by themselves
    int gpus = 0;  // that this node shows; they are dealt to its ranks in turn (Topology::device)
};

// Collective. A communicator of all ranks of the session, which must outlive it; of this process alone where the
// session does without MPI. Host buffers only. Destroying it is collective too, except on the way out of a failure.
std::unique_ptr<Communicator> make_mpi_communicator(MpiSession& session, const MpiOptions& options = {});

// "4 ranks on 2 nodes (2+2)"
std::string describe(const Topology& topology);

}  // namespace kohort::parallel

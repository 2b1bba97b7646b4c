// Which ranks share a node, found by MPI.
#pragma once

#include "parallel/communicator.h"
#include "parallel/mpi_session.h"

namespace kohort::parallel {

// Collective. `gpus` is the number of GPUs that this node shows: local rank r uses GPU r mod gpus; 0: none.
Topology find_mpi_topology(const MpiSession& session, int gpus);

}  // namespace kohort::parallel

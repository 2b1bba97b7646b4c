// Ranks as threads of one process: distributed algorithms run in a unit test without mpirun.
#pragma once

#include <functional>

#include "parallel/communicator.h"

namespace kohort::parallel {

// Runs body(comm) on `ranks` thread-ranks and returns when all have ended. An exception on one rank is announced
// to the others, whose waits throw PeerError; the first real exception (lowest rank) is thrown again here.
void run_thread_ranks(int ranks, const std::function<void(Communicator&)>& body);

// A communicator of one rank, for programs and tests that need no other.
std::unique_ptr<Communicator> make_single_communicator();

}  // namespace kohort::parallel

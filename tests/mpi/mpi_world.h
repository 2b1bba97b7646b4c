// The ranks that a test program under mpirun consists of. Every rank runs every test, in the same order.
#pragma once

#include "parallel/communicator.h"
#include "parallel/mpi_session.h"

namespace kohort::parallel {

MpiSession& session();   // of this test program
Communicator& world();   // all its ranks

}  // namespace kohort::parallel

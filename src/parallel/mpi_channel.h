// Channel over MPI's point-to-point messages.
#pragma once

#include <memory>

#include "parallel/channel.h"
#include "parallel/mpi_session.h"

namespace kohort::parallel {

// Collective; the session must use MPI and outlive the channel. Each channel has a communicator of its own.
std::unique_ptr<Channel> make_mpi_channel(MpiSession& session);

}  // namespace kohort::parallel

// Mailboxes between the threads of one process: the protocols over Channel run in a unit test without mpirun.
#pragma once

#include <memory>
#include <vector>

#include "parallel/channel.h"

namespace kohort::parallel {

// One channel for each of `ranks` thread-ranks.
std::vector<std::unique_ptr<Channel>> make_thread_channels(int ranks);

}  // namespace kohort::parallel

// The shared queue that ranks claim partitions from, so that a slow node holds nobody up.
// What is computed from a partition must not depend on who claims it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::parallel {

class PartitionQueue {
  public:
    // Collective; `partitions` is the same on all ranks, dearest first for the best balance.
    PartitionQueue(Communicator& comm, std::vector<std::int32_t> partitions);

    // The next partition that nobody has claimed, or nothing when all are. Thread-safe.
    // Throws PeerError when a peer has failed.
    std::optional<std::int32_t> claim();

  private:
    Communicator& comm_;
    std::vector<std::int32_t> partitions_;
    std::unique_ptr<TicketCounter> tickets_;
};

}  // namespace kohort::parallel

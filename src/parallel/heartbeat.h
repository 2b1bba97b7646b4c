// The sign of life of this process: anything that makes progress, or waits in an orderly way, bumps one counter.
// The watchdog reports a rank whose counter stands still.
#pragma once

#include <cstdint>

namespace kohort::parallel {

// Says that this rank is alive. Costs one relaxed atomic addition. Communicator's operations, waits and claims call
// it themselves; computations that run for more than a few seconds without any of those call it now and then.
void heartbeat();

std::uint64_t heartbeats();  // how often it was called in this process

}  // namespace kohort::parallel

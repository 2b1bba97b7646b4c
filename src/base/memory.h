// How much memory this process uses and may use.
#pragma once

#include <cstdint>

namespace kohort::base {

// Peak resident memory of this process in bytes.
std::int64_t peak_memory();

// Bytes that can still be taken without swapping: what the machine has left, or the tightest of this process's
// control groups (version 2) where that is less, as it is in a Slurm job with --mem. 0 where neither can be read.
std::int64_t available_memory();

}  // namespace kohort::base

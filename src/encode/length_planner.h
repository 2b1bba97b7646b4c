// Which texts are computed together. A matrix product's last bits depend on its shape, so the batches must follow
// from the texts alone, never from ranks, threads or what happens to be ready.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kohort::encode {

// Cuts sequences, taken by (length, index), into batches of at most `budget` tokens, padding counted; a longer
// sequence is a batch by itself. Where the length changes a batch that is half full ends, so that most batches hold
// sequences of one length and need no padding. lengths[i] >= 1. Every index is in exactly one batch.
std::vector<std::vector<std::int64_t>> plan_batches(std::span<const std::int64_t> lengths, std::int64_t budget);

}  // namespace kohort::encode

// How a step's sequences are cut into micro-batches, and who computes which. The cut depends on the sequences'
// lengths alone, so the sum of the micro-batches' gradients is the same whoever computes them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kohort::train {

struct MicroBatch {
    std::vector<std::int32_t> sequences;  // places in the step's canonical order
    std::int64_t longest = 0;             // tokens
    int rank = 0;                         // who computes it

    std::int64_t rows() const { return static_cast<std::int64_t>(sequences.size()); }
    double cost(std::int64_t hidden) const;  // up to a factor: multiply-adds of a Transformer layer of that width
};

// Sorts the sequences by (length, place) and cuts them into micro-batches of at most `token_budget` tokens with
// padding (a longer sequence is one by itself). A cut is also made where the length changes and the micro-batch is
// half full, so that most micro-batches need no padding. token_budget 0: total / 24, within [1024, 8192]: the
// weights are gone through once for each, though small steps keep few ranks and threads busy then.
// Micro-batches come dearest first.
std::vector<MicroBatch> plan_micro_batches(std::span<const std::int32_t> lengths, std::int64_t token_budget);

// Gives each micro-batch, in order, to the rank with the least cost so far (ties: the lower rank).
void deal_micro_batches(std::vector<MicroBatch>& micro_batches, int ranks, std::int64_t hidden);

}  // namespace kohort::train

// From the ranks that own a step's samples to the ranks that compute them: lengths go to everybody, so that all
// ranks plan alike, and then the ids of each sequence go to the one rank that needs them.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "parallel/communicator.h"
#include "train/micro_batch.h"
#include "train/sampler.h"
#include "train/token_store.h"

namespace kohort::train {

// A step's sequences in canonical order: by sample, then by slot within the sample. All but `ids` is the same on
// every rank.
struct StepSequences {
    std::int64_t step = 0;
    std::int64_t first_position = 0;           // of sample 0 in the stream of samples
    std::vector<std::int64_t> samples;         // [batch]
    std::vector<std::int32_t> per_sample;      // [batch] sequences of each sample
    std::vector<std::int32_t> sample_of;       // [N] place in `samples`
    std::vector<std::int32_t> lengths;         // [N] tokens
    std::vector<std::vector<std::int32_t>> notes;  // [batch] what else every rank must know of a sample; may be empty
    std::vector<MicroBatch> micro_batches;     // dearest first
    std::vector<std::vector<Sequence>> ids;    // [micro-batches]; empty for those of other ranks
    std::int64_t tokens = 0;                   // of all sequences

    std::int64_t count() const { return static_cast<std::int64_t>(lengths.size()); }
};

// Collective. `draw(sample, position)` makes the sequences of a sample that this rank owns, and `note`, where there is one,
// its note; `hidden` is the width that costs are estimated for.
using DrawSample = std::function<std::vector<Sequence>(std::int64_t sample, std::int64_t position)>;
using NoteSample = std::function<std::vector<std::int32_t>(std::int64_t sample, std::int64_t position)>;
StepSequences collect_step(parallel::Communicator& comm, const TokenStore& store, SampleUnit unit, const SampleStream& stream,
                           std::int64_t step, std::int64_t token_budget, std::int64_t hidden, const DrawSample& draw,
                           const NoteSample& note = {});

// As collect_step, of given samples at consecutive positions from `first_position`.
StepSequences collect_samples(parallel::Communicator& comm, const TokenStore& store, SampleUnit unit,
                              std::vector<std::int64_t> samples, std::int64_t first_position, std::int64_t token_budget,
                              std::int64_t hidden, const DrawSample& draw, const NoteSample& note = {});

}  // namespace kohort::train

// How gradients are summed over ranks, as options name it. No torch type stands here, so that jobs need none.
#pragma once

#include <cstdint>

namespace kohort::train {

enum class Reduction {
    exact,      // on an integer grid: the same bits at any number of ranks and threads
    fast,       // in fp32, two thirds of the bytes: the last bits depend on ranks, threads and chance
    fast_bf16,  // what travels is rounded to bf16, a third of the bytes
};

struct ReductionOptions {
    Reduction kind = Reduction::exact;
    bool overlap = true;  // gradients leave while the backward pass still runs; never changes a result
};

// What summing over ranks has taken so far on this rank.
struct ReductionStatistics {
    double seconds = 0;         // in which a bucket was under way, waiting for slower ranks included
    double hidden_seconds = 0;  // of these, while this rank's backward passes still ran
    std::int64_t bytes = 0;     // sent to other ranks
};

}  // namespace kohort::train

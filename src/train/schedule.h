// The learning rate of a step: linear warm-up, then linear decay to zero at the last step.
#pragma once

#include <cstdint>

namespace kohort::train {

struct Schedule {
    double peak = 1e-3;
    std::int64_t steps = 1;    // of the whole training
    double warmup_share = 0;   // of the steps, [0, 1)

    // For step in [0, steps). The first warm-up step already learns, and so does the last step.
    double rate(std::int64_t step) const;
};

}  // namespace kohort::train

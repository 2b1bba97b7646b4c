// The learning rate of a step: linear warm-up, then down to a share of the peak at the last step.
#pragma once

#include <cstdint>

namespace kohort::train {

enum class ScheduleShape {
    linear,  // a straight line down
    cosine,  // half a cosine wave down (Loshchilov and Hutter 2017, equation 5, without restarts)
    wsd,     // warm-up, stable, decay: the peak is held until the cooldown's straight line (Hu et al. 2024, section 4)
};

struct Schedule {
    double peak = 1e-3;
    std::int64_t steps = 1;    // of the whole training
    double warmup_share = 0;   // of the steps, [0, 1]
    ScheduleShape shape = ScheduleShape::linear;
    double final_share = 0;    // of the peak, which the step after the last one would have
    double cooldown_share = 0.1;  // of the steps, [0, 1]; for wsd

    // For step in [0, steps). The first warm-up step already learns, and so does the last step.
    double rate(std::int64_t step) const;
};

}  // namespace kohort::train

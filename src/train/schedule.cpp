#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kohort::train {
namespace {

std::int64_t steps_in(double share, std::int64_t steps) {
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(share * static_cast<double>(steps))));
}

}  // namespace

double Schedule::rate(std::int64_t step) const {
    const std::int64_t warmup = steps_in(warmup_share, steps);
    if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
    const std::int64_t falling = shape == ScheduleShape::wsd ? std::min(steps_in(cooldown_share, steps), steps - warmup) : steps - warmup;
    const double left = std::min(1.0, static_cast<double>(steps - step) / static_cast<double>(std::max<std::int64_t>(1, falling)));
    const double height = shape == ScheduleShape::cosine ? 0.5 * (1 - std::cos(std::numbers::pi * left)) : left;
    return peak * (final_share + (1 - final_share) * height);
}

}  // namespace kohort::train

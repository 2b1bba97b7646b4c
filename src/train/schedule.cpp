#include "train/schedule.h"

#include <algorithm>
#include <cmath>

namespace kohort::train {

double Schedule::rate(std::int64_t step) const {
    const auto warmup = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(warmup_share * static_cast<double>(steps))));
    if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
    return peak * static_cast<double>(steps - step) / static_cast<double>(std::max<std::int64_t>(1, steps - warmup));
}

}  // namespace kohort::train

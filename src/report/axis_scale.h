// The numbers along an axis of a drawing.
#pragma once

#include <string>
#include <vector>

namespace kohort::report {

// Round numbers (1, 2 or 5 times a power of ten) that cover the values with three to six grid lines.
struct AxisScale {
    double low = 0, high = 1, step = 1;
    int decimals = 0;
};

// Equal values, and none, get a scale too.
AxisScale scale_for(const std::vector<double>& values);

std::string tick_label(double value, const AxisScale& scale);

}  // namespace kohort::report

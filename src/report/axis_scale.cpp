#include "report/axis_scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kohort::report {

AxisScale scale_for(const std::vector<double>& values) {
    double low = 0, high = 0;
    if (!values.empty()) {
        const auto [least, most] = std::minmax_element(values.begin(), values.end());
        low = *least;
        high = *most;
    }
    // Equal values, or nearly: a scale around them that does not blow up their last digits.
    const double least = std::max(1e-3, 1e-3 * std::max(std::abs(low), std::abs(high)));
    if (high - low < least) {
        const double middle = (low + high) / 2;
        low = middle - least / 2;
        high = middle + least / 2;
    }
    const double rough = (high - low) / 4, power = std::pow(10, std::floor(std::log10(rough)));
    AxisScale scale;
    scale.step = power;
    for (const double times : {1.0, 2.0, 5.0, 10.0}) {
        scale.step = times * power;
        if (scale.step >= rough * 0.999) break;
    }
    scale.low = std::floor(low / scale.step) * scale.step;
    scale.high = std::ceil(high / scale.step) * scale.step;
    scale.decimals = std::max(0, static_cast<int>(-std::floor(std::log10(scale.step) + 1e-9)));
    return scale;
}

std::string tick_label(double value, const AxisScale& scale) {
    if (std::abs(scale.high) >= 1e5 || std::abs(scale.low) >= 1e5) return fmt::format("{:.4g}", value);
    return fmt::format("{:.{}f}", std::abs(value) < scale.step / 2 ? 0.0 : value, scale.decimals);
}

}  // namespace kohort::report

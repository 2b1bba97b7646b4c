#include "cluster/unit_rows.h"

#include <cmath>

namespace kohort::cluster {

void make_unit(std::span<float> row) {
    double squares = 0;  // of floats: neither huge nor tiny ones leave the range of a double
    for (const float component : row) squares += static_cast<double>(component) * static_cast<double>(component);
    if (squares == 0) return;
    const double length = std::sqrt(squares);
    for (float& component : row) component = static_cast<float>(static_cast<double>(component) / length);
}

void UnitRows::read(std::size_t range, std::int64_t first, std::span<float> into) const {
    source_.read(range, first, into);
    const auto d = static_cast<std::size_t>(dimensions());
    for (std::size_t at = 0; at < into.size(); at += d) make_unit(into.subspan(at, d));
}

}  // namespace kohort::cluster

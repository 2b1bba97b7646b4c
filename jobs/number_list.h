// Several whole numbers as the value of one option.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kohort::jobs {

// "12" or "32, 8,16": the numbers, ascending. Nothing where an entry is no whole number, so also for "auto".
std::optional<std::vector<std::int64_t>> parse_number_list(std::string_view text);

}  // namespace kohort::jobs

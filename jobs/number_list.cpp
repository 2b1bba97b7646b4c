#include "number_list.h"

#include <algorithm>
#include <charconv>

namespace kohort::jobs {

std::optional<std::vector<std::int64_t>> parse_number_list(std::string_view text) {
    std::vector<std::int64_t> numbers;
    while (true) {
        const auto comma = text.find(',');
        auto entry = text.substr(0, comma);
        entry.remove_prefix(std::min(entry.find_first_not_of(' '), entry.size()));
        entry.remove_suffix(entry.size() - (entry.find_last_not_of(' ') + 1));
        std::int64_t number = 0;
        const auto* end = entry.data() + entry.size();
        if (const auto parsed = std::from_chars(entry.data(), end, number); parsed.ec != std::errc() || parsed.ptr != end)
            return std::nullopt;
        numbers.push_back(number);
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    std::ranges::sort(numbers);
    return numbers;
}

}  // namespace kohort::jobs

// Lists of tensors' names in messages.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace kohort::model {

// "a, b, c and 4 more": a message that names everything would fill the screen for a model of another family.
inline std::string first_few(const std::vector<std::string>& names) {
    constexpr std::size_t most = 5;
    const std::size_t shown = std::min(names.size(), most);
    std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
    return text;
}

}  // namespace kohort::model

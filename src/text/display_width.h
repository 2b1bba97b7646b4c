// How many columns a text takes where East-Asian characters are two columns wide: in a terminal or a table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kohort::text {

// Columns: Han, kana, Hangul, full-width forms and emoji take 2, combining marks and controls 0, the rest 1; what is
// drawn as one (a family of emoji, a flag, a letter with its marks) takes at most 2. Ambiguous width counts as 1.
std::int64_t display_width(std::string_view utf8);

// The text where it fits; otherwise as much of its beginning as leaves room for "…" behind it. Nothing that is
// drawn as one is cut apart. columns >= 0.
std::string cut_to_width(std::string_view utf8, std::int64_t columns);

}  // namespace kohort::text

// CSV that people open: RFC 4180, one physical line a record, and no cell that a spreadsheet takes for a formula.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kohort::report {

// Without it Excel reads UTF-8 as the machine's own code page.
inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// Text as a cell: line breaks become spaces; a cell that starts with = + - @ or a tab gets an apostrophe in front
// (spreadsheets would run it); quoted where RFC 4180 asks for it.
std::string csv_cell(std::string_view text);

// Cells joined by commas and ended by "\n". Numbers are passed as they are.
std::string csv_row(std::span<const std::string> cells);

}  // namespace kohort::report

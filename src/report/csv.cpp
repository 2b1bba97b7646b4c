#include "report/csv.h"

#include <algorithm>

namespace kohort::report {

std::string csv_cell(std::string_view text) {
    std::string cell(text);
    std::replace_if(cell.begin(), cell.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    if (!cell.empty() && std::string_view("=+-@\t").find(cell.front()) != std::string_view::npos) cell.insert(0, 1, '\'');
    if (cell.find_first_of(",\"") == std::string::npos) return cell;
    std::string quoted = "\"";
    for (const char c : cell) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::string csv_row(std::span<const std::string> cells) {
    std::string row;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i > 0) row += ',';
        row += cells[i];
    }
    return row + '\n';
}

}  // namespace kohort::report

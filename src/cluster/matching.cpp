#include "cluster/matching.h"

#include <limits>

namespace kohort::cluster {
namespace {

// As the public function, for rows <= columns; `at(row, column)` is the cost.
template <class Cost>
std::vector<std::int64_t> assign_all_rows(std::int64_t rows, std::int64_t columns, const Cost& at) {
    constexpr std::int64_t none = -1;
    const auto width = static_cast<std::size_t>(columns);
    std::vector<double> row_price(static_cast<std::size_t>(rows)), column_price(width);
    std::vector<std::int64_t> row_of(width, none);
    for (std::int64_t start = 0; start < rows; ++start) {
        // The shortest path from `start` to a free column, over reduced costs, which are never negative.
        std::vector<double> distance(width, std::numeric_limits<double>::infinity());
        std::vector<std::int64_t> previous(width, none);  // the column before, on the path
        std::vector<char> done(width);
        std::int64_t row = start, column = none, free_column = none;
        double length = 0;
        while (free_column == none) {
            std::int64_t nearest = none;
            for (std::int64_t j = 0; j < columns; ++j) {
                const auto c = static_cast<std::size_t>(j);
                if (done[c]) continue;
                const double reached = length + at(row, j) - row_price[static_cast<std::size_t>(row)] - column_price[c];
                if (reached < distance[c]) {
                    distance[c] = reached;
                    previous[c] = column;
                }
                if (nearest == none || distance[c] < distance[static_cast<std::size_t>(nearest)]) nearest = j;
            }
            if (nearest == none) return row_of;  // there are at least as many columns as rows: cannot be
            column = nearest;
            length = distance[static_cast<std::size_t>(column)];
            done[static_cast<std::size_t>(column)] = 1;
            row = row_of[static_cast<std::size_t>(column)];
            if (row == none) free_column = column;
        }
        for (std::size_t c = 0; c < width; ++c) {
            if (!done[c]) continue;
            column_price[c] += distance[c] - length;
            if (row_of[c] != none) row_price[static_cast<std::size_t>(row_of[c])] += length - distance[c];
        }
        row_price[static_cast<std::size_t>(start)] += length;
        for (auto j = free_column; j != none;) {
            const auto before = previous[static_cast<std::size_t>(j)];
            row_of[static_cast<std::size_t>(j)] = before == none ? start : row_of[static_cast<std::size_t>(before)];
            j = before;
        }
    }
    return row_of;
}

}  // namespace

std::vector<std::int64_t> minimum_cost_assignment(std::span<const double> cost, std::int64_t rows, std::int64_t columns) {
    const auto at = [&](std::int64_t row, std::int64_t column) {
        return cost[static_cast<std::size_t>(row * columns + column)];
    };
    if (rows > columns)  // transposed: for each column its row
        return assign_all_rows(columns, rows, [&](std::int64_t row, std::int64_t column) { return at(column, row); });
    std::vector<std::int64_t> column_of(static_cast<std::size_t>(rows), -1);
    const auto row_of = assign_all_rows(rows, columns, at);
    for (std::size_t j = 0; j < row_of.size(); ++j)
        if (row_of[j] >= 0) column_of[static_cast<std::size_t>(row_of[j])] = static_cast<std::int64_t>(j);
    return column_of;
}

}  // namespace kohort::cluster

// One-to-one matching at the least cost: which new segment is which former one, which name suits which segment.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kohort::cluster {

// The assignment of rows to columns, one to one and as many as fit, whose costs have the least sum (Kuhn 1955, by
// shortest augmenting paths: Jonker and Volgenant 1987). cost: [rows, columns], finite. Returns for each row its
// column, or -1 where there are more rows than columns. Rows are added in order and ties go to the lowest column, so
// equal input gives equal output. Time O(min^2 * max), memory O(rows + columns).
std::vector<std::int64_t> minimum_cost_assignment(std::span<const double> cost, std::int64_t rows, std::int64_t columns);

}  // namespace kohort::cluster

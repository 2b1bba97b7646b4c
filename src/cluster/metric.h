// By what rows are told apart.
#pragma once

#include <string_view>

namespace kohort::cluster {

// What a centroid is of its rows: their mean, or, for rows of length one and cosine similarity, the mean's direction.
enum class Metric { euclidean, cosine };

Metric parse_metric(std::string_view name);  // "euclidean", "cosine"; Error(usage) otherwise

}  // namespace kohort::cluster

#include "cluster/metric.h"

#include "base/error.h"

namespace kohort::cluster {

Metric parse_metric(std::string_view name) {
    if (name == "euclidean") return Metric::euclidean;
    if (name == "cosine") return Metric::cosine;
    base::fail(base::ErrorKind::usage, "unknown metric '{}': use euclidean or cosine", name);
}

}  // namespace kohort::cluster

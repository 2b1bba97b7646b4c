// A map of rows in the plane, for people: the two axes along which the centroids, weighted by their sizes, lie
// farthest apart.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kohort::cluster {

struct Projection {
    std::vector<double> mean;  // [d]
    std::vector<double> axes;  // [2, d], of length 1 and at right angles; 0 where the centroids span no such axis

    // rows [n, d] -> [n, 2]: the row minus the mean along each axis, in a fixed order in double, rounded to float.
    std::vector<float> project(std::span<const float> rows) const;
};

// Principal axes of the centroids [k, d] with weights counts [k], by orthogonal iteration (Golub and Van Loan, Matrix
// Computations, section 8.2.4) from a fixed start. Of an axis and its negative, the one whose component of largest
// size is positive. Local and deterministic: equal input gives equal output.
Projection fit_projection(std::span<const float> centroids, std::span<const std::int64_t> counts);

}  // namespace kohort::cluster

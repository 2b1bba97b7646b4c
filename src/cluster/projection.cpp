#include "cluster/projection.h"

#include <cmath>
#include <numeric>

#include "base/philox.h"

namespace kohort::cluster {
namespace {

constexpr int iterations = 200;

double dot(std::span<const double> a, std::span<const double> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// Scales to length 1, or to 0 what is no direction beside `scale`.
void normalise(std::span<double> v, double scale) {
    const double length = std::sqrt(dot(v, v));
    for (double& x : v) x = length > 1e-9 * scale ? x / length : 0;
}

}  // namespace

std::vector<float> Projection::project(std::span<const float> rows) const {
    const auto d = mean.size();
    std::vector<float> places;
    places.reserve(d == 0 ? 0 : rows.size() / d * 2);
    for (std::size_t row = 0; row + d <= rows.size() && d > 0; row += d) {
        for (std::size_t axis = 0; axis < 2; ++axis) {
            double sum = 0;
            for (std::size_t j = 0; j < d; ++j) sum += (static_cast<double>(rows[row + j]) - mean[j]) * axes[axis * d + j];
            places.push_back(static_cast<float>(sum));
        }
    }
    return places;
}

Projection fit_projection(std::span<const float> centroids, std::span<const std::int64_t> counts) {
    const auto k = counts.size(), d = centroids.size() / k;
    double total = 0;
    for (const auto count : counts) total += static_cast<double>(count);
    Projection projection{std::vector<double>(d), std::vector<double>(2 * d)};
    for (std::size_t c = 0; c < k; ++c)
        for (std::size_t j = 0; j < d; ++j)
            projection.mean[j] += static_cast<double>(centroids[c * d + j]) * static_cast<double>(counts[c]) / total;
    std::vector<double> spread(k * d);  // each centroid from the mean, times the root of its share
    for (std::size_t c = 0; c < k; ++c)
        for (std::size_t j = 0; j < d; ++j)
            spread[c * d + j] = (static_cast<double>(centroids[c * d + j]) - projection.mean[j]) *
                                std::sqrt(static_cast<double>(counts[c]) / total);
    const double scale = dot(spread, spread);

    const base::Philox start(0, base::RandomPurpose::map_sample);
    for (std::size_t i = 0; i < 2 * d; ++i) projection.axes[i] = start.normal(1, i);
    const std::span<double> first(projection.axes.data(), d), second(projection.axes.data() + d, d);
    for (int iteration = 0; iteration < iterations; ++iteration) {
        for (const auto axis : {first, second}) {
            std::vector<double> next(d);
            for (std::size_t c = 0; c < k; ++c) {
                const std::span<const double> row(spread.data() + c * d, d);
                const double along = dot(row, axis);
                for (std::size_t j = 0; j < d; ++j) next[j] += along * row[j];
            }
            std::copy(next.begin(), next.end(), axis.begin());
        }
        normalise(first, scale);
        const double shared = dot(first, second);
        for (std::size_t j = 0; j < d; ++j) second[j] -= shared * first[j];
        normalise(second, scale);
    }
    for (const auto axis : {first, second}) {
        std::size_t largest = 0;
        for (std::size_t j = 1; j < d; ++j)
            if (std::abs(axis[j]) > std::abs(axis[largest])) largest = j;
        if (d > 0 && axis[largest] < 0)
            for (double& x : axis) x = -x;
    }
    return projection;
}

}  // namespace kohort::cluster

#include "cluster/cluster_totals.h"

#include <algorithm>
#include <numeric>

#include "cluster/in_parallel.h"
#include "parallel/collectives.h"
#include "parallel/exact_sum.h"

namespace kohort::cluster {

ClusterTotals::ClusterTotals(const RowSet& rows, std::int64_t clusters)
    : rows_(rows),
      d_(rows.dimensions()),
      k_(clusters),
      grid_(rows.global_rows(), rows.largest_counting_component() * rows.largest_weight()),
      weight_exponent_(parallel::fixed_point_exponent(std::max<std::int64_t>(rows.global_rows(), 1), rows.largest_weight())),
      sums_(static_cast<std::size_t>(k_ * d_)),
      counts_(static_cast<std::size_t>(k_)),
      masses_(static_cast<std::size_t>(k_)) {}

std::int64_t ClusterTotals::mass_of(float weight) const {
    return parallel::to_fixed_point(static_cast<double>(weight), weight_exponent_);
}

double ClusterTotals::mass(std::int64_t cluster) const {
    return parallel::from_fixed_point(masses_[static_cast<std::size_t>(cluster)], weight_exponent_);
}

void ClusterTotals::take(AssignmentDelta& delta, const float* row, float weight, std::int32_t before, std::int32_t now) const {
    const std::int64_t mass = mass_of(weight);
    if (before >= 0) {
        grid_.move(row, d_, weight, delta.sums(before), delta.sums(now));
        delta.count(before) -= weight > 0;
        delta.mass(before) -= mass;
    } else {
        grid_.accumulate(row, d_, weight, delta.sums(now));
    }
    delta.count(now) += weight > 0;
    delta.mass(now) += mass;
    ++delta.changed();
}

void ClusterTotals::add(AssignmentDelta& delta) {
    for_each_item(rows_.threads(), k_, d_, [&](std::int64_t c) {
        for (std::int64_t j = 0; j < d_; ++j) sums_[static_cast<std::size_t>(c * d_ + j)] += delta.sums(c)[j];
        counts_[static_cast<std::size_t>(c)] += delta.count(c);
        masses_[static_cast<std::size_t>(c)] += delta.mass(c);
    });
}

void ClusterTotals::add(parallel::Communicator& comm, std::span<const Move> moves) {
    // Each moved row's share of the sums, and its mass, come from the rank that holds it; the others add zeros.
    const auto width = static_cast<std::size_t>(d_ + 1);
    std::vector<std::int64_t> values(moves.size() * width);
    for (std::size_t m = 0; m < moves.size(); ++m) {
        const std::int64_t local = moves[m].local;
        if (local < 0) continue;
        grid_.accumulate(rows_.rows_at(std::span(&local, 1)).data(), d_, rows_.weight(local), values.data() + m * width);
        values[m * width + width - 1] = mass_of(rows_.weight(local));
    }
    parallel::all_reduce(comm, std::span(values), parallel::ReduceOperation::sum);
    for (std::size_t m = 0; m < moves.size(); ++m) {
        const auto from = static_cast<std::size_t>(moves[m].from), to = static_cast<std::size_t>(moves[m].to);
        const std::int64_t* value = values.data() + m * width;
        --counts_[from], ++counts_[to];
        masses_[from] -= value[d_], masses_[to] += value[d_];
        for (std::size_t j = 0; j < width - 1; ++j) {
            sums_[from * (width - 1) + j] -= value[j];
            sums_[to * (width - 1) + j] += value[j];
        }
    }
}

void ClusterTotals::move_centroids(Metric metric, std::vector<float>& centroids) const {
    for_each_item(rows_.threads(), k_, d_, [&](std::int64_t c) {
        if (counts_[static_cast<std::size_t>(c)] == 0 || masses_[static_cast<std::size_t>(c)] == 0) return;
        if (metric == Metric::cosine) grid_.direction(sums(c), centroids.data() + c * d_);
        else grid_.mean(sums(c), mass(c), centroids.data() + c * d_);
    });
}

// With x and c measured from any point r, sum w ||x - c||^2 = sum w ||x||^2 + sum over clusters of <c, m c - 2 S>, with S
// the sum of a cluster's w x and m that of its w. r is one of the rows: what all rows have in common would only be rounding
// errors in the end.
double ClusterTotals::inertia(std::span<const float> centroids) const {
    std::vector<double> shares(static_cast<std::size_t>(k_));
    for_each_item(rows_.threads(), k_, d_, [&](std::int64_t c) {
        const float* centroid = centroids.data() + c * d_;
        const double total = mass(c);
        double sum = 0;
        for (std::int64_t j = 0; j < d_; ++j) {
            const auto origin = static_cast<double>(rows_.first_row()[static_cast<std::size_t>(j)]);
            const double component = static_cast<double>(centroid[j]) - origin;
            sum += component * (total * component - 2 * (grid_.value(sums(c)[static_cast<std::size_t>(j)]) - total * origin));
        }
        shares[static_cast<std::size_t>(c)] = sum;
    });
    return std::max(rows_.sum_of_squares() + std::accumulate(shares.begin(), shares.end(), 0.0), 0.0);
}

}  // namespace kohort::cluster

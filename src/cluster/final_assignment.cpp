#include "cluster/final_assignment.h"

#include <cmath>

#include "cluster/canonical_distance.h"
#include "cluster/lloyd.h"
#include "cluster/wide_sum.h"
#include "parallel/collectives.h"
#include "parallel/exact_sum.h"

namespace kohort::cluster {
namespace {

double margin_of(double first, double second) {
    const double a = std::sqrt(first), b = std::sqrt(second);
    return b == 0 ? 0 : (b - a) / b;
}

struct Totals {
    WideSum inertia, margins;
    std::vector<std::int64_t> counts;
    std::int64_t rescanned = 0;
};

}  // namespace

Assignment assign_rows(parallel::Communicator& comm, const RowSet& rows, std::span<const float> centroids,
                       Kernel kernel_choice) {
    const std::int64_t d = rows.dimensions();
    const DistanceKernel kernel(centroids, d, kernel_choice);
    const auto local_rows = static_cast<std::size_t>(rows.local_rows());
    const auto k = static_cast<std::size_t>(kernel.clusters());

    Assignment result;
    result.labels.resize(local_rows);
    result.seconds.resize(local_rows);
    result.distances.resize(local_rows);
    result.margins.resize(local_rows);
    const Totals zero{WideSum(rows.global_rows(), distance_bound(rows, centroids) * rows.largest_weight()),
                      WideSum(rows.global_rows(), 1.0), std::vector<std::int64_t>(k), 0};
    std::vector<Totals> totals(static_cast<std::size_t>(rows.threads()), zero);
    rows.for_each_tile([&](const RowTile& tile, int worker) {
        Totals& total = totals[static_cast<std::size_t>(worker)];
        const auto first = static_cast<std::size_t>(tile.first_local);
        total.rescanned +=
            kernel.assign(tile.values, tile.norms, tile.count, {result.labels.data() + first, result.seconds.data() + first})
                .rescanned;
        for (std::size_t i = 0; i < static_cast<std::size_t>(tile.count); ++i) {
            const float* row = tile.values + static_cast<std::int64_t>(i) * d;
            const std::int32_t label = result.labels[first + i], second = result.seconds[first + i];
            const double nearest = canonical_distance(row, kernel.centroid(label), d);
            const double margin = second < 0 ? 1 : margin_of(nearest, canonical_distance(row, kernel.centroid(second), d));
            result.distances[first + i] = static_cast<float>(nearest);
            result.margins[first + i] = static_cast<float>(margin);
            total.inertia.add(tile.weights ? static_cast<double>(tile.weights[i]) * nearest : nearest);
            total.margins.add(margin);
            ++total.counts[static_cast<std::size_t>(label)];
        }
    });
    Totals& all = totals.front();
    for (std::size_t w = 1; w < totals.size(); ++w) {
        all.inertia.add(totals[w].inertia);
        all.margins.add(totals[w].margins);
        all.rescanned += totals[w].rescanned;
        for (std::size_t c = 0; c < k; ++c) all.counts[c] += totals[w].counts[c];
    }

    // One all-reduce: counts [k], rescanned, limbs of both sums.
    std::vector<std::int64_t> integers = all.counts;
    integers.push_back(all.rescanned);
    for (const WideSum* sum : {&all.inertia, &all.margins})
        for (const std::int64_t limb : sum->limbs()) integers.push_back(limb);
    parallel::all_reduce(comm, std::span(integers), parallel::ReduceOperation::sum);
    result.counts.assign(integers.begin(), integers.begin() + static_cast<std::ptrdiff_t>(k));
    result.rescanned = integers[k];
    all.inertia.set_from_limbs(integers.data() + k + 1);
    all.margins.set_from_limbs(integers.data() + k + 1 + WideSum::limb_count);
    result.inertia = all.inertia.value();
    result.mean_margin = all.margins.value() / static_cast<double>(rows.global_rows());
    return result;
}

}  // namespace kohort::cluster

#include "cluster/mini_batch.h"

#include <algorithm>
#include <cmath>

#include "base/philox.h"
#include "base/stop_signal.h"
#include "cluster/assignment_delta.h"
#include "cluster/canonical_distance.h"
#include "cluster/centroid_sums.h"
#include "parallel/exact_sum.h"

namespace kohort::cluster {
namespace {

// Mean of all rows that a centroid was given: exact sums of each batch, added up in double in the order of batches.
struct Moment {
    std::vector<double> sum;
    double mass = 0;
};

void move_centroid(Moment& moment, const CentroidGrid& grid, const std::int64_t* sums, double mass, Metric metric,
                   std::span<float> centroid) {
    moment.mass += mass;
    for (std::size_t j = 0; j < centroid.size(); ++j) moment.sum[j] += grid.value(sums[j]);
    double divisor = moment.mass;
    if (metric == Metric::cosine) {
        double squares = 0;
        for (const double component : moment.sum) squares += component * component;
        divisor = std::sqrt(squares);
    }
    if (!(divisor > 0)) return;
    for (std::size_t j = 0; j < centroid.size(); ++j) centroid[j] = static_cast<float>(moment.sum[j] / divisor);
}

}  // namespace

std::vector<float> warm_up_centroids(parallel::Communicator& comm, const RowSet& rows, std::vector<float> centroids,
                                     const KMeansOptions& options, int restart) {
    const std::int64_t d = rows.dimensions(), k = static_cast<std::int64_t>(centroids.size()) / d;
    const base::Philox random(options.seed, base::RandomPurpose::mini_batch);
    const double share = static_cast<double>(mini_batch_rows) / static_cast<double>(rows.global_rows());
    const CentroidGrid grid(rows.global_rows(), rows.largest_counting_component() * rows.largest_weight());
    const int weight_exponent =
        parallel::fixed_point_exponent(std::max<std::int64_t>(rows.global_rows(), 1), rows.largest_weight());
    std::vector<Moment> moments(static_cast<std::size_t>(k), Moment{std::vector<double>(static_cast<std::size_t>(d)), 0});
    for (std::int64_t b = 0; b < options.warm_up_batches; ++b) {
        base::leave_if_stop_requested("warming the first centroids up");
        const auto stream = static_cast<std::uint64_t>(restart) << 32 | static_cast<std::uint64_t>(b);
        std::vector<std::int64_t> drawn;
        for (const RowTile& tile : rows.tiles())
            for (std::int64_t i = 0; i < tile.count; ++i)
                if (random.uniform(stream, static_cast<std::uint64_t>(tile.row_id(i))) < share)
                    drawn.push_back(tile.first_local + i);
        const auto values = rows.rows_at(drawn);
        std::vector<float> norms;
        for (std::size_t i = 0; i < drawn.size(); ++i)
            norms.push_back(norm_bound(values.data() + static_cast<std::int64_t>(i) * d, d));
        std::vector<std::int32_t> labels(drawn.size());
        const DistanceKernel kernel(centroids, d, options.kernel, options.prefilter);
        kernel.assign(values.data(), norms.data(), static_cast<std::int64_t>(drawn.size()), {labels.data()});

        AssignmentDelta delta(k, d);
        for (std::size_t i = 0; i < drawn.size(); ++i) {
            const float weight = rows.weight(drawn[i]);
            grid.accumulate(values.data() + static_cast<std::int64_t>(i) * d, d, weight, delta.sums(labels[i]));
            delta.mass(labels[i]) += parallel::to_fixed_point(static_cast<double>(weight), weight_exponent);
        }
        delta.reduce(comm);
        for (std::int64_t c = 0; c < k; ++c)
            if (delta.mass(c) > 0)
                move_centroid(moments[static_cast<std::size_t>(c)], grid, delta.sums(c),
                              parallel::from_fixed_point(delta.mass(c), weight_exponent), options.metric,
                              std::span(centroids).subspan(static_cast<std::size_t>(c * d), static_cast<std::size_t>(d)));
    }
    return centroids;
}

}  // namespace kohort::cluster

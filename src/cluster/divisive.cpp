#include "cluster/divisive.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cluster/canonical_distance.h"
#include "cluster/wide_sum.h"
#include "parallel/collectives.h"

namespace kohort::cluster {
namespace {

constexpr int iterations_of_parts = 20;

// Some of a set's rows, copied, as a set of their own.
struct Part {
    std::vector<std::int64_t> locals, ids;  // in the whole set, ascending; global ids
    std::vector<float> values, weights;

    Part(const RowSet& rows, std::vector<std::int64_t> chosen) : locals(std::move(chosen)), values(rows.rows_at(locals)) {
        for (const std::int64_t local : locals) {
            ids.push_back(rows.row_id(local));
            if (rows.weighted()) weights.push_back(rows.weight(local));
        }
    }
    RowSet set(parallel::Communicator& comm, const RowSet& whole) const {
        const RowBlock block{values, 0, ids};
        return RowSet(comm, std::span(&block, ids.empty() ? 0u : 1u), whole.dimensions(), whole.threads(), weights);
    }
};

KMeansOptions options_of_part(const KMeansOptions& options, std::int64_t clusters, std::uint64_t part) {
    KMeansOptions settings;
    settings.clusters = clusters;
    settings.iterations = iterations_of_parts;
    settings.seed = options.seed + part * 0x9e3779b97f4a7c15u;  // another stream for each part
    settings.threads = options.threads;
    settings.kernel = options.kernel;
    settings.prefilter = options.prefilter;
    settings.pruning = options.pruning;
    settings.metric = options.metric;
    settings.step_of_another = true;
    return settings;
}

std::vector<std::int64_t> all_locals(const RowSet& rows) {
    std::vector<std::int64_t> locals(static_cast<std::size_t>(rows.local_rows()));
    std::iota(locals.begin(), locals.end(), std::int64_t{0});
    return locals;
}

std::vector<std::int64_t> with_label(const std::vector<std::int32_t>& labels, std::int32_t label,
                                     const std::vector<std::int64_t>& locals) {
    std::vector<std::int64_t> chosen;
    for (std::size_t i = 0; i < labels.size(); ++i)
        if (labels[i] == label) chosen.push_back(locals[i]);
    return chosen;
}

// A cluster that may be split.
struct Leaf {
    std::vector<std::int64_t> locals;
    std::vector<float> centroid;
    double inertia = 0;
    std::int64_t rows = 0;  // of all ranks
};

// The clusters of a result as leaves, with the sum of their distances.
std::vector<Leaf> leaves_of(parallel::Communicator& comm, const RowSet& set, const KMeansResult& result,
                            const std::vector<std::int64_t>& locals) {
    const auto& assignment = result.assignment;
    const auto d = static_cast<std::size_t>(set.dimensions());
    std::vector<Leaf> leaves(assignment.counts.size());
    const WideSum zero(set.global_rows(), distance_bound(set, result.centroids) * set.largest_weight());
    std::vector<std::vector<WideSum>> sums(static_cast<std::size_t>(set.threads()), std::vector<WideSum>(leaves.size(), zero));
    set.for_each_tile([&](const RowTile& tile, int worker) {
        for (std::int64_t i = 0; i < tile.count; ++i) {
            const std::int64_t local = tile.first_local + i;
            if (set.weight(local) == 0) continue;
            const auto label = static_cast<std::size_t>(assignment.labels[static_cast<std::size_t>(local)]);
            const double distance =
                canonical_distance(tile.values + i * set.dimensions(), result.centroids.data() + label * d, set.dimensions());
            sums[static_cast<std::size_t>(worker)][label].add(static_cast<double>(set.weight(local)) * distance);
        }
    });
    for (std::size_t c = 0; c < leaves.size(); ++c) {
        WideSum& sum = sums[0][c];
        for (std::size_t w = 1; w < sums.size(); ++w) sum.add(sums[w][c]);
        auto limbs = sum.limbs();
        parallel::all_reduce(comm, std::span<std::int64_t>(limbs), parallel::ReduceOperation::sum);
        sum.set_from_limbs(limbs.data());
        const auto first = result.centroids.begin() + static_cast<std::ptrdiff_t>(c * d);
        leaves[c] = {with_label(assignment.labels, static_cast<std::int32_t>(c), locals),
                     {first, first + static_cast<std::ptrdiff_t>(d)},
                     sum.value(),
                     assignment.counts[c]};
    }
    return leaves;
}

}  // namespace

std::vector<std::int64_t> share_out(const std::vector<std::int64_t>& votes, std::int64_t seats) {
    std::vector<std::int64_t> shares(votes.size());
    std::int64_t left = seats;
    for (std::size_t p = 0; p < votes.size(); ++p) left -= shares[p] = votes[p] > 0;
    while (left-- > 0) {
        std::size_t best = votes.size();
        for (std::size_t p = 0; p < votes.size(); ++p) {
            if (shares[p] >= votes[p]) continue;
            if (best == votes.size() || votes[p] * (shares[best] + 1) > votes[best] * (shares[p] + 1)) best = p;
        }
        if (best == votes.size()) break;
        ++shares[best];
    }
    return shares;
}

std::vector<float> hierarchical_centroids(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options) {
    const auto coarse = std::max<std::int64_t>(1, std::llround(std::sqrt(static_cast<double>(options.clusters))));
    const auto top = kmeans(comm, rows, options_of_part(options, coarse, 0));
    const auto shares = share_out(top.assignment.counts, options.clusters);
    const auto locals = all_locals(rows);
    std::vector<float> centroids;
    for (std::size_t c = 0; c < shares.size(); ++c) {
        if (shares[c] == 0) continue;
        const Part part(rows, with_label(top.assignment.labels, static_cast<std::int32_t>(c), locals));
        const auto set = part.set(comm, rows);
        const auto clusters = std::min(shares[c], set.counting_rows());
        if (clusters == 0) continue;
        const auto divided = kmeans(comm, set, options_of_part(options, clusters, c + 1));
        centroids.insert(centroids.end(), divided.centroids.begin(), divided.centroids.end());
    }
    const auto d = static_cast<std::size_t>(rows.dimensions());
    while (centroids.size() < static_cast<std::size_t>(options.clusters) * d)  // rows without weight took seats
        for (std::size_t j = 0; j < d; ++j) centroids.push_back(centroids[centroids.size() - d]);
    return centroids;
}

std::vector<float> bisecting_centroids(parallel::Communicator& comm, const RowSet& rows, const KMeansOptions& options) {
    std::vector<Leaf> leaves = leaves_of(comm, rows, kmeans(comm, rows, options_of_part(options, 1, 0)), all_locals(rows));
    for (std::uint64_t split = 1; static_cast<std::int64_t>(leaves.size()) < options.clusters; ++split) {
        const auto largest = std::ranges::max_element(leaves, {}, &Leaf::inertia);  // the first of equals
        if (!(largest->inertia > 0)) break;
        const Part part(rows, std::move(largest->locals));
        const auto set = part.set(comm, rows);
        if (set.counting_rows() < 2) {
            largest->inertia = 0;
            largest->locals = part.locals;
            continue;
        }
        auto halves = leaves_of(comm, set, kmeans(comm, set, options_of_part(options, 2, split)), part.locals);
        *largest = std::move(halves[0]);
        leaves.push_back(std::move(halves[1]));
    }
    std::vector<float> centroids;
    for (const auto& leaf : leaves) centroids.insert(centroids.end(), leaf.centroid.begin(), leaf.centroid.end());
    const auto d = static_cast<std::size_t>(rows.dimensions());
    while (centroids.size() < static_cast<std::size_t>(options.clusters) * d)
        centroids.insert(centroids.end(), leaves.back().centroid.begin(), leaves.back().centroid.end());
    return centroids;
}

}  // namespace kohort::cluster

#include "cluster/cluster_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "cluster/canonical_distance.h"
#include "cluster/centroid_sums.h"
#include "cluster/wide_sum.h"
#include "parallel/collectives.h"
#include "parallel/exact_sum.h"
#include "parallel/heartbeat.h"

namespace kohort::cluster {
namespace {

// Of a row or a mean to a mean, in a fixed order. The means are kept in double: they are compared with each other.
template <class Value>
double squared_distance(const Value* x, const double* mean, std::int64_t d) {
    double sum = 0;
    for (std::int64_t j = 0; j < d; ++j) {
        const double difference = static_cast<double>(x[j]) - mean[j];
        sum += difference * difference;
    }
    return sum;
}

void all_sum(parallel::Communicator& comm, std::vector<WideSum>& sums) {
    std::vector<std::int64_t> limbs;
    for (const auto& sum : sums)
        for (const std::int64_t limb : sum.limbs()) limbs.push_back(limb);
    parallel::all_reduce(comm, std::span(limbs), parallel::ReduceOperation::sum);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i].set_from_limbs(limbs.data() + i * WideSum::limb_count);
}

class Scorer {
  public:
    Scorer(parallel::Communicator& comm, std::span<const float> rows, std::int64_t d, const KMeansResult& result)
        : comm_(comm), rows_(rows), d_(d), result_(result), counts_(result.assignment.counts),
          n_(std::reduce(counts_.begin(), counts_.end())), k_(static_cast<std::int64_t>(counts_.size())) {
        float mine = 0;
        for (const float value : rows_) mine = std::max(mine, std::abs(value));
        largest_ = static_cast<double>(parallel::all_max(comm_, mine));
        find_means();
    }

    ClusterScores scores() {
        ClusterScores scores;
        const auto used = std::ranges::count_if(counts_, [](std::int64_t count) { return count > 0; });
        WideSum margins(n_, 1.0), inside(n_, squared_bound());
        std::vector<WideSum> sums(static_cast<std::size_t>(k_), WideSum(n_, std::sqrt(squared_bound())));  // of distances
        for (std::int64_t i = 0; i * d_ < static_cast<std::int64_t>(rows_.size()); ++i) {
            if (i % 1024 == 0) parallel::heartbeat();
            const auto c = result_.assignment.labels[static_cast<std::size_t>(i)];
            const double square = squared_distance(rows_.data() + i * d_, mean(c), d_);
            inside.add(square);
            sums[static_cast<std::size_t>(c)].add(std::sqrt(square));
            margins.add(margin(i));
        }
        sums.push_back(margins);
        sums.push_back(inside);
        all_sum(comm_, sums);
        scores.silhouette = sums[static_cast<std::size_t>(k_)].value() / static_cast<double>(n_);
        if (used < 2) return scores;
        scores.davies_bouldin = davies_bouldin(sums, used);
        if (const double within = sums.back().value(); within > 0)
            scores.calinski_harabasz = between() / static_cast<double>(used - 1) / (within / static_cast<double>(n_ - used));
        return scores;
    }

  private:
    const double* mean(std::int64_t c) const { return means_.data() + c * d_; }
    // Of any row and any mean of rows; a little above, for the rounding of the means.
    double squared_bound() const { return 4.0001 * static_cast<double>(d_) * largest_ * largest_; }

    // The means of the clusters, and of all rows in the end.
    void find_means() {
        const CentroidGrid grid(n_, largest_);
        std::vector<std::int64_t> sums(static_cast<std::size_t>((k_ + 1) * d_));
        const float* row = rows_.data();
        for (const auto label : result_.assignment.labels) {
            grid.accumulate(row, d_, 1, sums.data() + label * d_);
            row += d_;
        }
        parallel::all_reduce(comm_, std::span(sums), parallel::ReduceOperation::sum);
        std::int64_t* all = sums.data() + k_ * d_;
        for (std::int64_t at = 0; at < k_ * d_; ++at) all[at % d_] += sums[static_cast<std::size_t>(at)];
        means_.resize(sums.size());
        for (std::int64_t c = 0; c <= k_; ++c) {
            const std::int64_t count = c < k_ ? counts_[static_cast<std::size_t>(c)] : n_;
            if (count == 0) continue;
            for (auto at = static_cast<std::size_t>(c * d_); at < static_cast<std::size_t>((c + 1) * d_); ++at)
                means_[at] = parallel::from_fixed_point(sums[at], grid.exponent()) / static_cast<double>(count);
        }
    }

    double margin(std::int64_t i) const {
        const auto label = result_.assignment.labels[static_cast<std::size_t>(i)];
        const auto second = result_.assignment.seconds[static_cast<std::size_t>(i)];
        if (second < 0 || counts_[static_cast<std::size_t>(label)] == 1) return 0;
        const float* row = rows_.data() + i * d_;
        const double a = std::sqrt(canonical_distance(row, result_.centroids.data() + label * d_, d_)),
                     b = std::sqrt(canonical_distance(row, result_.centroids.data() + second * d_, d_));
        return b == 0 ? 0 : (b - a) / b;
    }

    // Each rank looks for the worst neighbour of every size()-th cluster. Means that coincide are left out, as
    // scikit-learn does.
    double davies_bouldin(const std::vector<WideSum>& distances, std::int64_t used) const {
        const auto spread = [&](std::int64_t c) {
            return distances[static_cast<std::size_t>(c)].value() / static_cast<double>(counts_[static_cast<std::size_t>(c)]);
        };
        std::vector<double> worst(static_cast<std::size_t>(k_));
        for (std::int64_t i = comm_.rank(); i < k_; i += comm_.size()) {
            parallel::heartbeat();
            if (counts_[static_cast<std::size_t>(i)] == 0) continue;
            double& most = worst[static_cast<std::size_t>(i)];
            for (std::int64_t j = 0; j < k_; ++j) {
                if (j == i || counts_[static_cast<std::size_t>(j)] == 0) continue;
                const double apart = std::sqrt(squared_distance(mean(i), mean(j), d_));
                if (apart > 0) most = std::max(most, (spread(i) + spread(j)) / apart);
            }
        }
        parallel::all_reduce(comm_, std::span(worst), parallel::ReduceOperation::maximum);
        return std::accumulate(worst.begin(), worst.end(), 0.0) / static_cast<double>(used);
    }

    double between() const {
        double sum = 0;
        for (std::int64_t c = 0; c < k_; ++c)
            if (const auto count = static_cast<double>(counts_[static_cast<std::size_t>(c)]); count > 0)
                sum += count * squared_distance(mean(c), mean(k_), d_);
        return sum;
    }

    parallel::Communicator& comm_;
    std::span<const float> rows_;
    std::int64_t d_;
    const KMeansResult& result_;
    const std::vector<std::int64_t>& counts_;
    std::int64_t n_, k_;
    double largest_ = 0;
    std::vector<double> means_;  // [k + 1, d]
};

}  // namespace

ClusterScores score_clusters(parallel::Communicator& comm, std::span<const float> rows, std::int64_t dimensions,
                             const KMeansResult& result) {
    return Scorer(comm, rows, dimensions, result).scores();
}

}  // namespace kohort::cluster

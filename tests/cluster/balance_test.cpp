#include "cluster/balance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "cluster/canonical_distance.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

using testing::ElementsAre;

KMeansOptions balanced(std::int64_t k, double bound) {
    KMeansOptions options;
    options.clusters = k;
    options.seed = 2;
    options.balance = bound;
    return options;
}

// One crowd and a few stragglers.
std::vector<float> uneven(int rows, std::int64_t d, unsigned seed) {
    auto values = blobs(1, rows - rows / 10, d, 0.5, seed);
    const auto far = blobs(4, rows / 40, d, 8, seed + 1);
    values.insert(values.end(), far.begin(), far.end());
    return values;
}

TEST(Balance, capacity_is_what_the_bound_says_and_enough) {
    EXPECT_EQ(capacity_of(1, 10, 3), 4);
    EXPECT_EQ(capacity_of(1.2, 100, 10), 12);
    EXPECT_EQ(capacity_of(1.25, 10, 3), 4);
    EXPECT_EQ(capacity_of(5, 10, 10), 5);
    EXPECT_EQ(capacity_of(1.1, 1400, 140), 11);
    EXPECT_EQ(capacity_of(3, 10, 3), 10);
    EXPECT_EQ(capacity_of(1e300, 10, 3), 10);
    EXPECT_EQ(capacity_of(1.1, std::int64_t{1} << 40, 1000), 1'209'462'790);  // ... .5532
}

// A double is only near the decimal number it was read from; that makes no row more or less.
TEST(Balance, capacity_is_that_of_the_decimal_number) {
    for (std::int64_t hundredths = 100; hundredths <= 300; ++hundredths)
        for (const std::int64_t clusters : {3, 7, 10, 100, 140})
            for (const std::int64_t rows : {10 * clusters, 100 * clusters, 1000 * clusters + 1}) {
                const std::int64_t most = hundredths * rows / (100 * clusters), even = (rows + clusters - 1) / clusters;
                EXPECT_EQ(capacity_of(static_cast<double>(hundredths) / 100, rows, clusters),
                          hundredths >= 100 * clusters ? rows : std::max(most, even))
                    << hundredths << ' ' << rows << ' ' << clusters;
            }
}

TEST(Balance, the_rows_that_lose_least_move) {
    // Six rows at 0 to 5 belong to the centroid 2, none to 10; three may stay: those with the least to lose are 5, 4, 3.
    KMeansOptions options = balanced(2, 1);
    options.initialization = Initialization::given;
    options.initial_centroids = {2, 10};
    options.iterations = 0;
    EXPECT_THAT(run_single({0, 1, 2, 3, 4, 5}, 1, options).labels, ElementsAre(0, 0, 0, 1, 1, 1));
    // Of rows that are alike the lowest ids go.
    options.initial_centroids = {0, 10};
    EXPECT_THAT(run_single({0, 0, 0, 0}, 1, options).labels, ElementsAre(1, 1, 0, 0));
}

TEST(Balance, no_cluster_is_larger_than_the_bound_and_all_rows_are_there) {
    for (const double bound : {1.0, 1.1, 2.0})
        for (const std::int64_t k : {1, 3, 8, 40}) {
            const auto values = uneven(400, 3, 91);
            const auto rows = static_cast<std::int64_t>(values.size()) / 3;
            const auto result = run_single(values, 3, balanced(k, bound));
            EXPECT_LE(*std::ranges::max_element(result.counts), capacity_of(bound, rows, k)) << bound << " k " << k;
            std::vector<std::int64_t> counted(static_cast<std::size_t>(k));
            for (const auto label : result.labels) ++counted[static_cast<std::size_t>(label)];
            EXPECT_EQ(counted, result.counts);
        }
}

TEST(Balance, what_it_says_of_a_row_is_of_the_label_it_has) {
    const auto values = uneven(400, 3, 92);
    const auto result = run_single(values, 3, balanced(6, 1.05));
    double inertia = 0, margins = 0;
    bool moved = false;
    for (std::size_t i = 0; i < result.labels.size(); ++i) {
        std::vector<double> distances;
        for (std::size_t c = 0; c < 6; ++c)
            distances.push_back(canonical_distance(values.data() + 3 * i, result.centroids.data() + 3 * c, 3));
        const double own = distances[static_cast<std::size_t>(result.labels[i])];
        EXPECT_EQ(result.distances[i], static_cast<float>(own));
        inertia += own;
        distances[static_cast<std::size_t>(result.labels[i])] = std::numeric_limits<double>::infinity();
        const auto other = std::ranges::min_element(distances) - distances.begin();
        EXPECT_EQ(result.seconds[i], other);
        const double a = std::sqrt(own), b = std::sqrt(distances[static_cast<std::size_t>(other)]);
        EXPECT_NEAR(result.margins[i], (b - a) / std::max(a, b), 1e-6);
        margins += (b - a) / std::max(a, b);
        moved = moved || b < a;
    }
    EXPECT_TRUE(moved);
    EXPECT_NEAR(result.inertia, inertia, 1e-9 * inertia);
    EXPECT_NEAR(result.mean_margin, margins / static_cast<double>(result.labels.size()), 1e-9);
}

TEST(Balance, a_bound_that_nobody_exceeds_changes_nothing) {
    const auto values = blobs(4, 60, 5, 6, 93);
    auto options = balanced(4, 3);
    const auto with = run_single(values, 5, options);
    options.balance = 0;
    EXPECT_EQ(with, run_single(values, 5, options));
}

TEST(Balance, the_same_bytes_at_any_ranks_weighted_and_streamed) {
    const auto values = uneven(600, 4, 94);
    const auto rows = static_cast<std::int64_t>(values.size()) / 4;
    HowToRun how;
    for (std::int64_t i = 0; i < rows; ++i) how.weights.push_back(static_cast<float>(1 + i % 3));
    auto options = balanced(7, 1.1);
    const auto reference = run_single(values, 4, options, how);
    for (const int ranks : {2, 3, 5}) {
        how.streamed = ranks == 3;
        options.threads = ranks == 2 ? 2 : 1;
        EXPECT_EQ(run_sharded(values, 4, options, ranks, wild_shards(rows, ranks, 4), how), reference) << ranks;
    }
}

TEST(Balance, below_one_is_refused) {
    try {
        run_single(blobs(2, 10, 2, 1, 95), 2, balanced(2, 0.5));
        FAIL() << "not refused";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
    }
}

}  // namespace
}  // namespace kohort::cluster

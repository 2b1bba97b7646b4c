#include "cluster/initialization.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/philox.h"
#include "cluster/seeding.h"
#include "parallel/thread_communicator.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

double chi_square(const std::vector<double>& seen, const std::vector<double>& expected) {
    double sum = 0;
    for (std::size_t i = 0; i < seen.size(); ++i) sum += (seen[i] - expected[i]) * (seen[i] - expected[i]) / expected[i];
    return sum;
}

std::vector<float> start(const std::vector<float>& values, std::int64_t d, Initialization how, std::int64_t k,
                         std::uint64_t seed, int restart = 0) {
    std::vector<float> centroids;
    parallel::run_thread_ranks(1, [&](parallel::Communicator& comm) {
        const RowBlock block{values, 0, {}};
        const RowSet rows(comm, std::span(&block, 1), d, 1);
        const InitializationOptions options{k, seed, restart, Kernel::automatic};
        centroids = how == Initialization::random ? random_centroids(comm, rows, options)
                                                  : kmeans_parallel_centroids(comm, rows, options);
    });
    return centroids;
}

TEST(Initialization, random_rows_are_uniform_and_distinct) {
    std::vector<float> x(12);
    for (std::size_t i = 0; i < 12; ++i) x[i] = static_cast<float>(i);
    std::vector<double> seen(12);
    for (std::uint64_t seed = 0; seed < 4000; ++seed) {
        const auto centroids = start(x, 1, Initialization::random, 3, seed);
        EXPECT_EQ(std::set<float>(centroids.begin(), centroids.end()).size(), 3u);
        for (const float c : centroids) seen[static_cast<std::size_t>(c)] += 1;
    }
    EXPECT_LT(chi_square(seen, std::vector<double>(12, 1000.0)), 31.26);  // 11 degrees of freedom, p = 0.001
}

TEST(Initialization, the_first_candidate_of_kmeans_parallel_is_uniform) {
    // With one cluster and candidates weighted by the rows they stand for, the centre is a random row too.
    const std::vector<float> x = {0, 1, 2, 3};
    std::vector<double> seen(4);
    for (std::uint64_t seed = 0; seed < 4000; ++seed)
        seen[static_cast<std::size_t>(start(x, 1, Initialization::kmeans_parallel, 1, seed)[0])] += 1;
    EXPECT_LT(chi_square(seen, std::vector<double>(4, 1000.0)), 16.27);  // 3 degrees of freedom, p = 0.001
}

TEST(Initialization, a_round_draws_each_row_by_its_share_of_the_potential) {
    const std::vector<double> distances = {0, 1, 4, 9, 36, 400};
    const double potential = 450, expected = 1.1;
    const base::Philox random(5, base::RandomPurpose::cluster_init);
    constexpr int rounds = 20000;
    std::vector<double> drawn(6);
    for (std::uint64_t round = 0; round < rounds; ++round)
        for (std::size_t i = 0; i < 6; ++i)
            if (is_drawn(random.uniform(round, i), distances[i], potential, expected)) drawn[i] += 1;
    EXPECT_EQ(drawn[0], 0) << "a candidate is never drawn again";
    for (std::size_t i = 1; i < 6; ++i) {
        const double p = std::min(1.0, expected * distances[i] / potential);
        EXPECT_LT(chi_square({drawn[i], rounds - drawn[i]}, {p * rounds, (1 - p) * rounds}), 10.83) << i;  // p = 0.001
    }
    EXPECT_TRUE(is_drawn(0.999999, 2, 2, 5)) << "probabilities above one are one";
}

TEST(Seeding, the_first_centre_is_drawn_by_weight) {
    const Candidates candidates{1, {0, 1, 2}, {0, 10, 20}, {1, 3, 6}};
    const base::Philox random(6, base::RandomPurpose::cluster_init);
    std::vector<double> seen(3);
    for (std::uint64_t seed = 0; seed < 5000; ++seed) {
        const auto centre = seed_centroids(candidates, 1, 1, [&](std::int64_t step, int trial) {
            return random.uniform(seed, static_cast<std::uint64_t>(step * 100 + trial));
        });
        seen[static_cast<std::size_t>(centre[0] / 10)] += 1;
    }
    EXPECT_LT(chi_square(seen, {500, 1500, 3000}), 13.82);  // 2 degrees of freedom, p = 0.001
}

TEST(Seeding, each_step_keeps_the_trial_that_lowers_the_potential_most) {
    // After 0 is taken, the numbers name candidates 3 (at 9) and 2 (at 8): with the pair at 8 and 8.5 near it, 2 wins.
    const Candidates candidates{1, {0, 1, 2, 3}, {0, 8.5f, 8, 9}, {1, 1, 1, 1}};
    const auto centres = seed_centroids(candidates, 2, 1, [&](std::int64_t step, int trial) {
        return step == 0 ? 0.0 : trial == 0 ? 0.99 : 0.5;
    });
    // Masses 72.25, 64, 81: 0.99 of their sum is candidate 3, half of it candidate 2; potentials 0.25 + 1 and 0.25 + 1.
    EXPECT_EQ(centres, (std::vector<float>{0, 9})) << "a tie goes to the first drawn";
    const Candidates heavier{1, {0, 1, 2, 3}, {0, 8.5f, 8, 9}, {1, 1, 3, 1}};
    const auto again = seed_centroids(heavier, 2, 1, [&](std::int64_t step, int trial) {
        return step == 0 ? 0.0 : trial == 0 ? 0.99 : 0.5;
    });
    EXPECT_EQ(again, (std::vector<float>{0, 8}));
}

TEST(Seeding, threads_change_nothing) {
    Candidates candidates{40, {}, {}, {}};
    candidates.values = blobs(30, 100, 40, 1, 3);
    for (std::int64_t i = 0; i < 3000; ++i) candidates.rows.push_back(i), candidates.weights.push_back(1 + i % 7);
    const base::Philox random(7, base::RandomPurpose::cluster_init);
    const auto uniform = [&](std::int64_t step, int trial) {
        return random.uniform(static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(trial));
    };
    const auto one = seed_centroids(candidates, 30, 1, uniform);
    EXPECT_EQ(seed_centroids(candidates, 30, 3, uniform), one);
    EXPECT_EQ(one.size(), 1200u);
}

TEST(Initialization, kmeans_parallel_finds_every_well_separated_group) {
    const auto x = blobs(25, 80, 8, 30, 4);
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        const auto centroids = start(x, 8, Initialization::kmeans_parallel, 25, seed);
        std::set<std::size_t> groups;
        for (std::size_t c = 0; c < 25; ++c)
            for (std::size_t row = 0; row < 2000; ++row)
                if (std::equal(centroids.begin() + static_cast<std::ptrdiff_t>(8 * c),
                               centroids.begin() + static_cast<std::ptrdiff_t>(8 * c + 8),
                               x.begin() + static_cast<std::ptrdiff_t>(8 * row)))
                    groups.insert(row % 25);
        EXPECT_EQ(groups.size(), 25u) << "seed " << seed;
    }
}

TEST(Initialization, it_is_no_worse_than_random_rows) {
    const auto x = blobs(20, 60, 10, 2, 6);
    double careful = 0, random = 0;
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
        KMeansOptions options;
        options.clusters = 20;
        options.seed = seed;
        careful += run_single(x, 10, options).inertia;
        options.initialization = Initialization::random;
        random += run_single(x, 10, options).inertia;
    }
    EXPECT_LT(careful, random);
}

TEST(Initialization, restarts_and_rounds_use_different_numbers) {
    const auto x = blobs(1, 400, 3, 1, 7);
    EXPECT_NE(start(x, 3, Initialization::random, 5, 1, 0), start(x, 3, Initialization::random, 5, 1, 1));
    EXPECT_NE(start(x, 3, Initialization::kmeans_parallel, 5, 1, 0), start(x, 3, Initialization::kmeans_parallel, 5, 1, 1));
}

TEST(Initialization, each_round_draws_anew) {
    // 200 rows, each as far from any other: a round draws twenty of them, and all five rounds about a hundred. Had they the
    // same numbers, nearly all of those drawn would have been drawn by the first.
    constexpr std::size_t n = 200;
    std::vector<float> x(n * n);
    for (std::size_t i = 0; i < n; ++i) x[i * n + i] = 1;
    int by_the_first = 0;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        const base::Philox random(seed, base::RandomPurpose::cluster_init);
        const auto centroids = start(x, n, Initialization::kmeans_parallel, 10, seed);
        for (std::size_t c = 0; c < 10; ++c) {
            const auto begin = centroids.begin() + static_cast<std::ptrdiff_t>(c * n);
            const auto row = static_cast<std::uint64_t>(std::max_element(begin, begin + n) - begin);
            constexpr std::uint64_t first_round = 16;  // the stream that it draws from
            by_the_first += random.uniform(first_round, row) < 0.12;
        }
    }
    EXPECT_LT(by_the_first, 25) << "of 50";
}

TEST(Initialization, names_are_parsed_or_refused) {
    EXPECT_EQ(parse_initialization("kmeans||"), Initialization::kmeans_parallel);
    EXPECT_EQ(parse_initialization("random"), Initialization::random);
    EXPECT_THROW(parse_initialization("k-means"), base::Error);
}

TEST(Initialization, what_it_copies_is_known_beforehand) {
    EXPECT_EQ(rows_copied(Initialization::kmeans_parallel, 10, 50'000, 100'000), 1280);  // 256 for each cluster, of both ranks
    EXPECT_EQ(rows_copied(Initialization::automatic, 10, 100'000, 100'000), 2560);
    EXPECT_EQ(rows_copied(Initialization::kmeans_parallel, 1000, 100'000, 100'000), 0);  // the rows themselves
    EXPECT_EQ(rows_copied(Initialization::automatic, 5000, 100'000, 1'000'000), 100'000);
    EXPECT_EQ(rows_copied(Initialization::bisecting, 4, 100'000, 1'000'000), 100'000);
    EXPECT_EQ(rows_copied(Initialization::random, 4, 100'000, 1'000'000), 0);
}

}  // namespace
}  // namespace kohort::cluster

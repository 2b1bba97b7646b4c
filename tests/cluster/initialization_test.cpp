#include "cluster/initialization.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/philox.h"
#include "cluster/seeding.h"
#include "parallel/heartbeat.h"
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

// Groups of equal rows at 0, 1 and -3: as soon as one row of a group is a candidate, no other one of the group is drawn. With
// the first candidate at 0, the others are no nearer to each other than to it, so that what a round may draw follows from which
// groups have a candidate, and the number of rows drawn from each group has an expectation that can be written down.
TEST(Initialization, rounds_draw_each_row_by_its_share_of_the_potential) {
    constexpr int at_zero = 60, near = 20, far = 4, rows = at_zero + near + far, most_rounds = 5;
    constexpr double expected = 2;  // twice the clusters
    for (const bool weighted : {false, true}) {
        std::vector<float> x(rows), weights;
        std::fill_n(x.begin() + at_zero, near, 1.0f);
        std::fill_n(x.begin() + at_zero + near, far, -3.0f);
        double near_share = 1, far_share = 9;
        if (weighted) {
            near_share *= 3, far_share *= 2;
            weights.assign(rows, 1.0f);
            std::fill_n(weights.begin() + at_zero, near, 3.0f);
            std::fill_n(weights.begin() + at_zero + near, far, 2.0f);
        }
        // probability[n][f]: near, far have a candidate; the expected number of draws of a row of either group.
        std::array<std::array<double, 2>, 2> probability{{{1, 0}, {0, 0}}};
        double near_draws = 0, far_draws = 0;
        for (int round = 0; round < most_rounds; ++round) {
            auto next = decltype(probability){};
            for (const std::size_t n : {0u, 1u})
                for (const std::size_t f : {0u, 1u}) {
                    const double potential = (n ? 0 : near * near_share) + (f ? 0 : far * far_share);
                    const double draw_near = n ? 0 : std::min(1.0, expected * near_share / potential);
                    const double draw_far = f ? 0 : std::min(1.0, expected * far_share / potential);
                    near_draws += probability[n][f] * draw_near;
                    far_draws += probability[n][f] * draw_far;
                    const double no_near = std::pow(1 - draw_near, near), no_far = std::pow(1 - draw_far, far);
                    for (const std::size_t to_n : {0u, 1u})
                        for (const std::size_t to_f : {0u, 1u})
                            next[to_n][to_f] += probability[n][f] * (n ? to_n : to_n ? 1 - no_near : no_near) *
                                                (f ? to_f : to_f ? 1 - no_far : no_far);
                }
            probability = next;
        }
        std::vector<double> drawn(rows);
        double runs = 0, near_total = 0, near_squares = 0, far_total = 0, far_squares = 0;
        parallel::run_thread_ranks(1, [&](parallel::Communicator& comm) {
            const RowBlock block{x, 0, {}};
            const RowSet set(comm, std::span(&block, 1), 1, 1, weights);
            for (std::uint64_t seed = 0; seed < 6000; ++seed) {
                const auto candidates = draw_candidates(comm, set, {1, seed, 0, Kernel::scalar});
                if (candidates.rows.front() >= at_zero) continue;
                runs += 1;
                double near_here = 0, far_here = 0;
                for (const auto row : std::span(candidates.rows).subspan(1)) {
                    drawn[static_cast<std::size_t>(row)] += 1;
                    (row < at_zero + near ? near_here : far_here) += 1;
                }
                near_total += near_here, near_squares += near_here * near_here;
                far_total += far_here, far_squares += far_here * far_here;
            }
        });
        ASSERT_GT(runs, 3000);
        for (std::size_t row = 0; row < at_zero; ++row) EXPECT_EQ(drawn[row], 0) << "as near as can be, and drawn again";
        for (std::size_t row = at_zero; row < rows; ++row) {
            const double p = row < at_zero + near ? near_draws : far_draws;
            // p = 0.0001 for one degree of freedom, as there are 48 of them
            EXPECT_LT(chi_square({drawn[row], runs - drawn[row]}, {p * runs, (1 - p) * runs}), 15.14) << row;
        }
        // All rows of a group together tell smaller differences: within 3.3 standard errors, p = 0.001.
        const auto errors = [&](double total, double squares, double expectation) {
            const double mean = total / runs;
            return std::abs(mean - expectation) / std::sqrt((squares / runs - mean * mean) / runs);
        };
        EXPECT_LT(errors(near_total, near_squares, near * near_draws), 3.3) << weighted;
        EXPECT_LT(errors(far_total, far_squares, far * far_draws), 3.3) << weighted;
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

// A rank that seeds waits for no other one: without signs of life it would pass for dead.
TEST(Seeding, gives_signs_of_life) {
    Candidates candidates{3, {}, blobs(1, 2000, 3, 1, 8), std::vector<std::int64_t>(2000, 1)};
    candidates.rows.resize(2000);
    const auto before = parallel::heartbeats();
    seed_centroids(candidates, 10, 1, [](std::int64_t, int) { return 0.5; });
    EXPECT_GE(parallel::heartbeats() - before, 10u * 4);  // four chunks of candidates for each centre
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

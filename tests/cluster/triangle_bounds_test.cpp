// Pruning changes nothing: what the bounds pass over is what the definition would leave.
#include "cluster/triangle_bounds.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cluster/canonical_distance.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

struct Nearest {
    std::int32_t label = -1;
    double first = INFINITY, second = INFINITY;
};
Nearest nearest(const float* row, const std::vector<float>& centroids, std::int64_t d) {
    Nearest best;
    for (std::int32_t c = 0; c < static_cast<std::int32_t>(centroids.size()) / d; ++c) {
        const double distance = canonical_distance(row, centroids.data() + c * d, d);
        if (distance < best.first) best.second = best.first, best.first = distance, best.label = c;
        else best.second = std::min(best.second, distance);
    }
    return best;
}

// Half of each centroid's distance to its nearest neighbour.
std::vector<float> half_gaps(const std::vector<float>& centroids, std::int64_t d) {
    std::vector<float> gaps;
    for (std::size_t c = 0; c < centroids.size() / static_cast<std::size_t>(d); ++c) {
        double least = INFINITY;
        for (std::size_t o = 0; o < centroids.size() / static_cast<std::size_t>(d); ++o)
            if (o != c)
                least = std::min(least, canonical_distance(centroids.data() + c * static_cast<std::size_t>(d),
                                                           centroids.data() + o * static_cast<std::size_t>(d), d));
        gaps.push_back(static_cast<float>(std::sqrt(least) / 2 * (1 - 1e-6)));
    }
    return gaps;
}

TEST(TriangleBounds, a_row_that_keeps_its_label_has_it_by_the_definition) {
    const std::int64_t d = 5, k = 9;
    for (const double step : {0.0, 1e-6, 0.01, 0.3})
        for (const bool with_gaps : {false, true}) {
            const auto rows = blobs(9, 80, d, 3, 31);
            auto centroids = blobs(9, 1, d, 3, 31);  // near the clouds' centres
            TriangleBounds bounds(720, k);
            std::vector<std::int32_t> labels(720);
            for (std::int64_t i = 0; i < 720; ++i) {
                const auto best = nearest(rows.data() + i * d, centroids, d);
                labels[static_cast<std::size_t>(i)] = best.label;
                bounds.set(i, std::nextafter(static_cast<float>(std::sqrt(best.first)), INFINITY),
                           std::nextafter(static_cast<float>(std::sqrt(best.second)), 0.0f));
            }
            std::mt19937 random(7);
            std::normal_distribution<double> normal;
            int kept = 0;
            for (int move = 0; move < 12; ++move) {  // the bounds are never refreshed
                const auto before = centroids;
                for (float& value : centroids) value = static_cast<float>(value + step * normal(random));
                const auto gaps = with_gaps ? half_gaps(centroids, d) : std::vector<float>();
                bounds.move(before, centroids, d, gaps);
                for (std::int64_t i = 0; i < 720; ++i) {
                    auto& label = labels[static_cast<std::size_t>(i)];
                    if (!bounds.keeps(i, label)) continue;
                    ++kept;
                    ASSERT_EQ(nearest(rows.data() + i * d, centroids, d).label, label)
                        << step << " move " << move << " row " << i;
                }
            }
            EXPECT_GT(kept, step <= 0.01 ? 12 * 600 : 0);  // and they are not so loose that nothing is kept
        }
}

TEST(TriangleBounds, a_tie_is_never_kept) {
    // Row 0 lies halfway between both centroids; the lower id has it now, and would lose it to nobody. Moving the
    // label's centroid away by a hair must send the row back to be looked at.
    TriangleBounds bounds(1, 2);
    const std::vector<float> before = {-1, 1}, after = {-1 - 0x1p-23f, 1};
    bounds.set(0, 1, 1);
    bounds.move(before, after, 1, std::vector<float>{1, 1});
    EXPECT_FALSE(bounds.keeps(0, 0));
    bounds.set(0, 1, 1);
    bounds.move(after, after, 1, std::vector<float>{1, 1});
    EXPECT_FALSE(bounds.keeps(0, 0));
}

TEST(TriangleBounds, rows_that_are_new_or_forgotten_are_looked_at) {
    TriangleBounds bounds(2, 2);
    const std::vector<float> centroids = {0, 100};
    bounds.move(centroids, centroids, 1, std::vector<float>{50, 50});
    EXPECT_FALSE(bounds.keeps(0, -1));
    EXPECT_FALSE(bounds.keeps(0, 0));
    bounds.set(0, 1, 99);
    bounds.set(1, 1, 99);
    bounds.forget(1);
    bounds.move(centroids, centroids, 1, {});
    EXPECT_TRUE(bounds.keeps(0, 0));
    EXPECT_FALSE(bounds.keeps(1, 0));
}

// The whole of k-means, with and without; the counts show that rows were passed over.
TEST(Pruning, leaves_every_byte_as_it_is) {
    for (const double spread : {0.3, 1.0, 6.0})
        for (const std::int64_t k : {2, 7, 40}) {
            const auto values = blobs(7, 90, 6, spread, 41);
            KMeansOptions options;
            options.clusters = k;
            options.initialization = Initialization::random;  // a long way to go
            options.pruning = Pruning::off;
            Effort effort;
            const auto plain = run_single(values, 6, options, {false, &effort, {}});
            EXPECT_EQ(effort.pruned, 0);
            options.pruning = Pruning::on;
            options.threads = 2;
            for (const int ranks : {1, 3}) {
                effort = {};
                EXPECT_EQ(run_sharded(values, 6, options, ranks, wild_shards(630, ranks, 3), {false, &effort, {}}), plain)
                    << "spread " << spread << " k " << k << " ranks " << ranks;
                EXPECT_GT(effort.pruned, plain.iterations > 4 ? 630 : 0);
            }
        }
}

// Left to itself it gives up where it does not pay and tries again later: what it kept before then is of no use.
TEST(Pruning, leaves_every_byte_as_it_is_when_it_comes_and_goes) {
    for (const double spread : {0.0, 0.3, 0.6})
        for (const std::int64_t k : {5, 20, 60}) {
            const std::int64_t d = 16;
            const auto values = blobs(8, 250, d, spread, 43);
            KMeansOptions options;
            options.clusters = k;
            options.initialization = Initialization::random;
            options.pruning = Pruning::off;
            const auto plain = run_single(values, d, options);
            EXPECT_GT(plain.iterations, 12);
            options.pruning = Pruning::automatic;
            Effort effort;
            EXPECT_EQ(run_sharded(values, d, options, 2, wild_shards(2000, 2, 4), {false, &effort, {}}), plain)
                << "spread " << spread << " k " << k;
            EXPECT_GT(effort.pruned, 0);
        }
}

TEST(Pruning, looks_again_at_rows_that_a_refill_has_moved) {
    const auto values = blobs(6, 70, 7, 0.8, 23);
    KMeansOptions options;  // all but one initial centroid are far away: refills over several iterations
    options.clusters = 6;
    options.initialization = Initialization::given;
    options.initial_centroids.assign(6 * 7, 50.0f);
    std::fill_n(options.initial_centroids.begin(), 7, 0.0f);
    options.pruning = Pruning::off;
    const auto plain = run_single(values, 7, options);
    EXPECT_GT(plain.refilled, 0);
    options.pruning = Pruning::on;
    EXPECT_EQ(run_single(values, 7, options), plain);
}

}  // namespace
}  // namespace kohort::cluster

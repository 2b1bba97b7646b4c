#include "cluster/projection.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kohort::cluster {
namespace {

TEST(Projection, finds_the_axes_of_greatest_spread) {
    // Spread 10 along y, 3 along z, 1 along x; the mean is (1, 1, 1).
    const std::vector<float> centroids = {1, 11, 1, 1, -9, 1, 1, 1, 4, 1, 1, -2, 2, 1, 1, 0, 1, 1};
    const std::vector<std::int64_t> counts(6, 5);
    const auto projection = fit_projection(centroids, counts);
    for (const double m : projection.mean) EXPECT_NEAR(m, 1, 1e-12);
    const double axes[] = {0, 1, 0, 0, 0, 1};
    for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(projection.axes[i], axes[i], 1e-9) << i;
    const auto places = projection.project(std::vector<float>{5, 3, -6});
    ASSERT_EQ(places.size(), 2u);
    EXPECT_NEAR(places[0], 2, 1e-6);
    EXPECT_NEAR(places[1], -7, 1e-6);
}

TEST(Projection, sizes_weigh) {
    const auto projection = fit_projection(std::vector<float>{0, 0, 10, 0}, std::vector<std::int64_t>{3, 1});
    EXPECT_NEAR(projection.mean[0], 2.5, 1e-12);
}

TEST(Projection, one_cluster_lies_at_the_origin) {
    const auto projection = fit_projection(std::vector<float>{3, 4}, std::vector<std::int64_t>{7});
    for (const float x : projection.project(std::vector<float>{9, 9})) EXPECT_EQ(x, 0.0f);
}

TEST(Projection, clusters_on_a_line_need_no_second_axis) {
    const auto projection = fit_projection(std::vector<float>{0, 0, 1, 1, 2, 2}, std::vector<std::int64_t>{1, 1, 1});
    EXPECT_NEAR(std::abs(projection.axes[0]), std::sqrt(0.5), 1e-9);
    for (const double x : projection.axes) EXPECT_TRUE(std::isfinite(x));
}

}  // namespace
}  // namespace kohort::cluster

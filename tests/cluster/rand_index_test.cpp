#include "cluster/rand_index.h"

#include <gtest/gtest.h>

#include <vector>

namespace kohort::cluster {
namespace {

using Labels = std::vector<std::int32_t>;

Labels scattered() {
    Labels labels;
    for (int i = 0; i < 60; ++i) labels.push_back((i * i + i / 3) % 4);
    return labels;
}

// The constants are printed by tools/oracles/cluster_scores.py (scikit-learn).
TEST(AdjustedRandIndex, agrees_with_scikit_learn) {
    Labels other, close;
    for (int i = 0; i < 60; ++i) {
        other.push_back(i * i % 5);
        close.push_back(i % 9 != 0 ? (scattered()[static_cast<std::size_t>(i)] + 7) % 4 : 100);
    }
    EXPECT_NEAR(adjusted_rand_index(scattered(), other), -0.03711965735700901, 1e-15);
    EXPECT_NEAR(adjusted_rand_index(scattered(), close), 0.8022102753165392, 1e-15);
    EXPECT_EQ(adjusted_rand_index(Labels{0, 0, 1, 1}, Labels{0, 1, 0, 1}), -0.5);
}

TEST(AdjustedRandIndex, is_one_for_the_same_division_under_other_names) {
    Labels renamed = scattered();
    for (auto& label : renamed) label = 1000 - label;
    EXPECT_EQ(adjusted_rand_index(scattered(), renamed), 1);
    EXPECT_EQ(adjusted_rand_index(Labels{3, 3, 3}, Labels{0, 0, 0}), 1) << "all in one";
    EXPECT_EQ(adjusted_rand_index(Labels{0, 1, 2}, Labels{5, 4, 3}), 1) << "each alone";
    EXPECT_EQ(adjusted_rand_index(Labels{0}, Labels{1}), 1);
    EXPECT_EQ(adjusted_rand_index(Labels{0, 0, 0}, Labels{0, 1, 2}), 0) << "all in one, and each alone";
}

TEST(AdjustedRandIndex, does_not_overflow) {
    Labels halves, thirds;
    for (std::int32_t i = 0; i < 200'000; ++i) halves.push_back(i / 100'000), thirds.push_back(i % 3);
    EXPECT_NEAR(adjusted_rand_index(halves, thirds), 0, 1e-4);
    EXPECT_EQ(adjusted_rand_index(halves, halves), 1);
}

}  // namespace
}  // namespace kohort::cluster

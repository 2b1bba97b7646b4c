// The loss against the textbook formula, its gradient against finite differences.
#include "train/contrastive_loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "finite_differences.h"

namespace kohort::train {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

bool share_a_side(const SideKeys& a, const SideKeys& b) {
    return a[0] == b[0] || a[0] == b[1] || a[1] == b[0] || a[1] == b[1];
}

// Written out as the papers have it, without tensors.
double plain_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample,
                  const std::vector<std::int64_t>& users, double temperature, const std::vector<SideKeys>& keys_of = {}, double margin = 2) {
    std::vector<std::vector<Vector>> sides(2);
    std::int64_t row = 0;
    for (const std::int32_t count : per_sample)
        for (auto& side : sides) {
            Vector mean(static_cast<std::size_t>(vectors.size(1)), 0);
            for (std::int32_t i = 0; i < count / 2; ++i, ++row)
                for (std::int64_t d = 0; d < vectors.size(1); ++d)
                    mean[static_cast<std::size_t>(d)] += vectors[row][d].item<double>() / (count / 2);
            const double length = std::sqrt(dot(mean, mean));
            for (double& x : mean) x /= length;
            side.push_back(mean);
        }
    double loss = 0;
    for (std::size_t i = 0; i < users.size(); ++i)
        for (int direction = 0; direction < 2; ++direction) {
            const auto& query = sides[static_cast<std::size_t>(direction)][i];
            const auto& keys = sides[static_cast<std::size_t>(1 - direction)];
            double sum = 0;
            for (std::size_t j = 0; j < users.size(); ++j) {
                const bool same = users[j] == users[i] || (!keys_of.empty() && share_a_side(keys_of[i], keys_of[j]));
                if (j == i || (!same && dot(query, keys[j]) <= dot(query, keys[i]) + margin)) sum += std::exp(dot(query, keys[j]) / temperature);
            }
            loss -= dot(query, keys[i]) / temperature - std::log(sum);
        }
    return loss / (2.0 * static_cast<double>(users.size()));
}

struct Case {
    std::vector<std::int32_t> per_sample{4, 2, 6, 2};
    std::vector<std::int64_t> users{8, 3, 5, 3};  // the second and the fourth are the same user
    torch::Tensor vectors;
    Case() {
        torch::manual_seed(4);
        vectors = torch::nn::functional::normalize(torch::randn({14, 5}), torch::nn::functional::NormalizeFuncOptions().dim(1));
    }
};

TEST(ContrastiveLoss, is_the_formula) {
    const Case c;
    EXPECT_NEAR(contrastive_loss(c.vectors, c.per_sample, no_negatives(c.users, {}), 0.1).loss, plain_loss(c.vectors, c.per_sample, c.users, 0.1), 1e-6);
}

TEST(ContrastiveLoss, another_sample_of_the_same_user_is_no_negative) {
    Case c;
    const double masked = contrastive_loss(c.vectors, c.per_sample, no_negatives(c.users, {}), 0.1).loss;
    c.users = {8, 3, 5, 4};
    EXPECT_GT(contrastive_loss(c.vectors, c.per_sample, no_negatives(c.users, {}), 0.1).loss, masked);
}

TEST(ContrastiveLoss, samples_with_an_equal_side_are_no_negatives) {
    Case c;
    c.users = {1, 2, 3, 4};
    const double all = contrastive_loss(c.vectors, c.per_sample, no_negatives(c.users, {}), 0.1).loss;
    const SideKeys apart{100, 200};
    for (const std::vector<SideKeys>& sides : {std::vector<SideKeys>{{1, 2}, {1, 3}, apart, {4, 5}},     // two equal first sides
                                               std::vector<SideKeys>{{1, 2}, {3, 2}, apart, {4, 5}},     // two equal second sides
                                               std::vector<SideKeys>{{1, 2}, {2, 3}, apart, {4, 3}},     // across, twice
                                               std::vector<SideKeys>{{9, 9}, {9, 9}, {9, 9}, {4, 5}}}) {
        const double loss = contrastive_loss(c.vectors, c.per_sample, no_negatives(c.users, sides), 0.1).loss;
        EXPECT_NEAR(loss, plain_loss(c.vectors, c.per_sample, c.users, 0.1, sides), 1e-6);
        EXPECT_LT(loss, all - 1e-3);
    }
    const std::vector<SideKeys> all_apart{{1, 2}, {3, 4}, {5, 6}, {7, 8}};
    EXPECT_EQ(contrastive_loss(c.vectors, c.per_sample, no_negatives(c.users, all_apart), 0.1).loss, all);
}

TEST(ContrastiveLoss, what_scores_above_the_margin_is_no_negative) {
    Case c;
    c.users = {1, 2, 3, 4};
    const double all = contrastive_loss(c.vectors, c.per_sample, no_negatives(c.users, {}), 0.1).loss;
    double last = 0;
    for (const double margin : {0.0, 0.1, 0.5, 1.0, 2.0}) {
        const double loss = contrastive_loss(c.vectors, c.per_sample, no_negatives(c.users, {}), 0.1, margin).loss;
        EXPECT_NEAR(loss, plain_loss(c.vectors, c.per_sample, c.users, 0.1, {}, margin), 1e-6) << margin;
        EXPECT_GE(loss, last);
        last = loss;
    }
    EXPECT_EQ(last, all);
    EXPECT_LT(contrastive_loss(c.vectors, c.per_sample, no_negatives(c.users, {}), 0.1, 0).loss, all - 1e-3);
}

TEST(ContrastiveLoss, gradient_agrees_with_finite_differences) {
    const Case c;
    expect_gradient(contrastive_loss(c.vectors, c.per_sample, no_negatives(c.users, {}), 0.1).gradient, c.vectors,
                    [&](const torch::Tensor& moved) { return plain_loss(moved, c.per_sample, c.users, 0.1); });
}

TEST(ContrastiveLoss, of_well_separated_users_is_small_and_all_are_found) {
    const auto vectors = torch::eye(3).repeat_interleave(2, 0);
    const auto result = contrastive_loss(vectors, {2, 2, 2}, no_negatives({0, 1, 2}, {}), 0.05);
    EXPECT_LT(result.loss, 1e-6);
}

}  // namespace
}  // namespace kohort::train

// The loss against the textbook formulas, its gradients against finite differences, and the counts behind F1.
#include "train/supervised_loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace kohort::train {
namespace {

struct Case {
    std::vector<std::int32_t> per_sample{3, 1, 2};
    std::vector<std::vector<std::int32_t>> labels;
    torch::Tensor vectors, weight, bias;
    explicit Case(bool multi_label) : labels(multi_label ? decltype(labels){{0, 2}, {1}, {0, 1, 3}} : decltype(labels){{2}, {1}, {3}}) {
        torch::manual_seed(8);
        vectors = torch::nn::functional::normalize(torch::randn({6, 5}), torch::nn::functional::NormalizeFuncOptions().dim(1)).to(torch::kDouble);
        weight = torch::randn({4, 5}).to(torch::kDouble);
        bias = torch::randn({4}).to(torch::kDouble);
    }
};

// Written out, without tensors.
double plain_loss(const Case& c, bool multi_label) {
    double loss = 0;
    std::int64_t row = 0;
    for (std::size_t user = 0; user < c.per_sample.size(); ++user) {
        std::vector<double> mean(5, 0), scores;
        double square = 0;
        for (std::int32_t i = 0; i < c.per_sample[user]; ++i, ++row)
            for (std::int64_t d = 0; d < 5; ++d) mean[static_cast<std::size_t>(d)] += c.vectors[row][d].item<double>() / c.per_sample[user];
        for (const double x : mean) square += x * x;
        for (std::int64_t label = 0; label < 4; ++label) {
            double score = c.bias[label].item<double>();
            for (std::int64_t d = 0; d < 5; ++d) score += c.weight[label][d].item<double>() * mean[static_cast<std::size_t>(d)] / std::sqrt(square);
            scores.push_back(score);
        }
        const auto& own = c.labels[user];
        const auto has = [&](int label) { return std::find(own.begin(), own.end(), label) != own.end(); };
        double sum = 0;
        for (const double score : scores) sum += std::exp(score);
        for (int label = 0; label < 4; ++label) {
            const double score = scores[static_cast<std::size_t>(label)];
            if (multi_label) loss += std::log1p(std::exp(has(label) ? -score : score)) / 4 / 3;
            else if (has(label)) loss += (std::log(sum) - score) / 3;
        }
    }
    return loss;
}

SupervisedLoss loss_of(const Case& c, bool multi_label) {
    return supervised_loss(c.vectors.to(torch::kFloat), c.per_sample, c.labels, c.weight.to(torch::kFloat), c.bias.to(torch::kFloat), multi_label);
}

TEST(SupervisedLoss, is_the_formula) {
    for (const bool multi_label : {false, true}) {
        const Case c(multi_label);
        EXPECT_NEAR(loss_of(c, multi_label).loss, plain_loss(c, multi_label), 1e-6) << multi_label;
    }
}

TEST(SupervisedLoss, gradients_agree_with_finite_differences) {
    for (const bool multi_label : {false, true}) {
        const Case c(multi_label);
        const auto result = loss_of(c, multi_label);
        const std::pair<torch::Tensor Case::*, torch::Tensor> all[] = {{&Case::vectors, result.gradient}, {&Case::weight, result.weight_gradient}, {&Case::bias, result.bias_gradient}};
        for (const auto& [member, gradient] : all) {
            ASSERT_EQ(gradient.sizes(), (c.*member).sizes());
            for (std::int64_t i = 0; i < gradient.numel(); ++i) {
                Case up = c, down = c;
                constexpr double step = 1e-5;
                (up.*member) = (c.*member).clone();
                (down.*member) = (c.*member).clone();
                (up.*member).view({-1})[i] += step;
                (down.*member).view({-1})[i] -= step;
                EXPECT_NEAR(gradient.reshape({-1})[i].item<double>(), (plain_loss(up, multi_label) - plain_loss(down, multi_label)) / (2 * step), 1e-5);
            }
        }
    }
}

TEST(SupervisedLoss, counts_what_is_told_rightly) {
    const auto vectors = torch::eye(3), weight = torch::eye(3) * 10, bias = torch::full({3}, -5.0F);
    const auto single = supervised_loss(vectors, {1, 1, 1}, {{0}, {1}, {0}}, weight, bias, false).score;
    EXPECT_EQ(single.right, 2);
    EXPECT_DOUBLE_EQ(single.f1(), 2.0 / 3) << "the accuracy";
    const auto multi = supervised_loss(vectors, {1, 1, 1}, {{0}, {1, 2}, {0}}, weight, bias, true).score;
    EXPECT_EQ(multi.right, 2);
    EXPECT_EQ(multi.chosen, 3);
    EXPECT_EQ(multi.given, 4);
    EXPECT_DOUBLE_EQ(multi.f1(), 4.0 / 7);
}

}  // namespace
}  // namespace kohort::train

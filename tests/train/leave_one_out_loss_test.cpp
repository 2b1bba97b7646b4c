// The loss of single texts against users: the formula written out, its gradient against finite differences.
#include "train/leave_one_out_loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "finite_differences.h"

namespace kohort::train {
namespace {

using Vector = std::vector<double>;
using Keys = std::vector<std::vector<std::int64_t>>;

double cosine(const Vector& a, const Vector& b) {
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
    return ab / std::sqrt(aa * bb);
}

bool has(const std::vector<std::int64_t>& keys, std::int64_t key) { return std::find(keys.begin(), keys.end(), key) != keys.end(); }

// Written out as the paper has it, without tensors.
double plain_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample, const std::vector<std::int64_t>& users,
                  double temperature, const Keys& keys = {}, double margin = 2) {
    const auto width = static_cast<std::size_t>(vectors.size(1));
    const auto exact = vectors.to(torch::kDouble).contiguous();
    std::vector<std::vector<Vector>> texts;
    const double* next = exact.data_ptr<double>();
    for (const std::int32_t count : per_sample) {
        texts.emplace_back();
        for (std::int32_t i = 0; i < count; ++i, next += width) texts.back().emplace_back(next, next + width);
    }
    const auto mean_without = [&](const std::vector<Vector>& of, std::size_t left_out) {
        Vector mean(width, 0);
        for (std::size_t i = 0; i < of.size(); ++i)
            for (std::size_t d = 0; d < width; ++d)
                if (i != left_out) mean[d] += of[i][d];
        return mean;
    };
    double loss = 0;
    for (std::size_t u = 0; u < texts.size(); ++u)
        for (std::size_t i = 0; i < texts[u].size(); ++i) {
            const double own = cosine(texts[u][i], mean_without(texts[u], i));
            double sum = std::exp(own / temperature);
            for (std::size_t v = 0; v < texts.size(); ++v) {
                const double other = cosine(texts[u][i], mean_without(texts[v], texts[v].size()));
                if (users[v] == users[u] || (!keys.empty() && has(keys[v], keys[u][i])) || other > own + margin) continue;
                sum += std::exp(other / temperature);
            }
            loss -= own / temperature - std::log(sum);
        }
    return loss / static_cast<double>(vectors.size(0));
}

struct Case {
    std::vector<std::int32_t> per_sample{3, 2, 5, 2};
    std::vector<std::int64_t> users{8, 3, 5, 3};  // the second and the fourth are the same user
    torch::Tensor vectors;
    Case() {
        torch::manual_seed(4);
        vectors = torch::nn::functional::normalize(torch::randn({12, 5}), torch::nn::functional::NormalizeFuncOptions().dim(1));
    }
    ContrastiveLoss loss(const Keys& keys = {}, double margin = 2) const {
        return leave_one_out_loss(vectors, per_sample, no_negatives_of_texts(users, per_sample, keys), 0.1, margin);
    }
    double plain(const Keys& keys = {}, double margin = 2) const { return plain_loss(vectors, per_sample, users, 0.1, keys, margin); }
};

TEST(LeaveOneOutLoss, is_the_formula) {
    const Case c;
    EXPECT_NEAR(c.loss().loss, c.plain(), 1e-6);
}

TEST(LeaveOneOutLoss, another_sample_of_the_same_user_is_no_negative) {
    Case c;
    const double masked = c.loss().loss;
    c.users = {8, 3, 5, 4};
    EXPECT_NEAR(c.loss().loss, c.plain(), 1e-6);
    EXPECT_GT(c.loss().loss, masked);
}

TEST(LeaveOneOutLoss, a_user_with_an_equal_text_is_no_negative_of_that_text) {
    Case c;
    c.users = {1, 2, 3, 4};
    const Keys apart{{1, 2, 3}, {4, 5}, {6, 7, 8, 9, 10}, {11, 12}};
    EXPECT_EQ(c.loss(apart).loss, c.loss().loss);
    const Keys shared{{1, 2, 3}, {4, 2}, {6, 7, 8, 9, 3}, {11, 11}};  // one text of the first with the second's, one with the third's
    const auto excluded = no_negatives_of_texts(c.users, c.per_sample, shared)(0, c.vectors.size(0));
    EXPECT_EQ(excluded.sum().item<std::int64_t>(), 4);  // each of the two in both directions; never a text of its own sample
    EXPECT_NEAR(c.loss(shared).loss, c.plain(shared), 1e-6);
    EXPECT_LT(c.loss(shared).loss, c.loss().loss - 1e-3);
}

TEST(LeaveOneOutLoss, what_scores_above_the_margin_is_no_negative) {
    Case c;
    c.users = {1, 2, 3, 4};
    double last = 0;
    for (const double margin : {0.0, 0.1, 0.5, 1.0, 2.0}) {
        const double loss = c.loss({}, margin).loss;
        EXPECT_NEAR(loss, c.plain({}, margin), 1e-6) << margin;
        EXPECT_GE(loss, last);
        last = loss;
    }
    EXPECT_LT(c.loss({}, 0).loss, last - 1e-3);
}

TEST(LeaveOneOutLoss, gradient_agrees_with_finite_differences) {
    const Case c;
    expect_gradient(c.loss().gradient, c.vectors, [&](const torch::Tensor& moved) { return plain_loss(moved, c.per_sample, c.users, 0.1); });
}

TEST(LeaveOneOutLoss, of_well_separated_users_is_small_and_all_are_found) {
    const std::vector<std::int32_t> per_sample{2, 2, 2};
    const auto result = leave_one_out_loss(torch::eye(3).repeat_interleave(2, 0), per_sample, no_negatives_of_texts({0, 1, 2}, per_sample, {}), 0.05);
    EXPECT_LT(result.loss, 1e-6);
}

struct PartsCase : Case {
    torch::Tensor parts;
    PartsCase() { parts = torch::randn({4, 5}); }
    LeftOutLoss left_out(const Keys& keys = {}) const { return left_out_loss(vectors, parts, users, per_sample, keys, 0.1); }

    // Each part's own text is the first of its sample.
    double plain_left_out(const torch::Tensor& texts, const torch::Tensor& of_parts, const Keys& keys = {}) const {
        const auto row = [](const torch::Tensor& tensor, std::int64_t i) {
            const auto exact = tensor[i].to(torch::kDouble).contiguous();
            return Vector(exact.data_ptr<double>(), exact.data_ptr<double>() + exact.size(0));
        };
        std::vector<std::int64_t> flat;
        for (const auto& of_sample : keys) flat.insert(flat.end(), of_sample.begin(), of_sample.end());
        double loss = 0;
        std::int64_t own = 0;
        for (std::size_t b = 0; b < per_sample.size(); own += per_sample[b], ++b) {
            double sum = 0;
            std::vector<std::size_t> sample_of;
            for (std::size_t s = 0; s < per_sample.size(); ++s) sample_of.insert(sample_of.end(), static_cast<std::size_t>(per_sample[s]), s);
            const auto is_negative = [&](std::int64_t i) {
                const std::size_t sample = sample_of[static_cast<std::size_t>(i)];
                if (sample != b && users[sample] == users[b]) return false;
                return flat.empty() || flat[static_cast<std::size_t>(i)] != flat[static_cast<std::size_t>(own)];
            };
            for (std::int64_t i = 0; i < texts.size(0); ++i)
                if (i == own || is_negative(i))
                    sum += std::exp(cosine(row(of_parts, static_cast<std::int64_t>(b)), row(texts, i)) / 0.1);
            loss -= cosine(row(of_parts, static_cast<std::int64_t>(b)), row(texts, own)) / 0.1 - std::log(sum);
        }
        return loss / static_cast<double>(per_sample.size());
    }
};

TEST(LeftOutLoss, is_the_formula_and_an_equal_text_is_no_negative) {
    const PartsCase c;
    EXPECT_NEAR(c.left_out().loss, c.plain_left_out(c.vectors, c.parts), 1e-6);
    const Keys shared{{1, 2, 3}, {4, 1}, {6, 7, 8, 9, 6}, {11, 12}};
    EXPECT_NEAR(c.left_out(shared).loss, c.plain_left_out(c.vectors, c.parts, shared), 1e-6);
    EXPECT_LT(c.left_out(shared).loss, c.left_out().loss - 1e-3);
}

TEST(LeftOutLoss, gradients_agree_with_finite_differences) {
    const PartsCase c;
    const auto result = c.left_out();
    expect_gradient(result.of_vectors, c.vectors, [&](const torch::Tensor& moved) { return c.plain_left_out(moved, c.parts); });
    expect_gradient(result.of_parts, c.parts, [&](const torch::Tensor& moved) { return c.plain_left_out(c.vectors, moved); });
}

}  // namespace
}  // namespace kohort::train

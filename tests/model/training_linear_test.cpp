// The linear layer of training against LibTorch's own, forwards and backwards, and against finite differences.
#include "model/training_linear.h"

#include <gtest/gtest.h>

#include <vector>

namespace kohort::model {
namespace {

struct Case {
    std::int64_t rows, in, out;
    bool bias, transposed;  // transposed: the weight is a view of an [in, out] leaf
};

TEST(TrainingLinear, is_the_linear_layer_of_libtorch) {
    torch::manual_seed(3);
    for (const Case& one : {Case{1, 1, 1, true, false}, {7, 5, 3, true, false}, {64, 32, 48, false, false}, {33, 17, 65, true, true},
                            {0, 4, 6, true, false}, {130, 256, 64, false, true},
                            {300, 200, 170, true, false}, {300, 200, 170, true, true}}) {
        const auto leaf = torch::randn(one.transposed ? std::vector<std::int64_t>{one.in, one.out} : std::vector<std::int64_t>{one.out, one.in}).requires_grad_(true);
        const auto weight = one.transposed ? leaf.t() : leaf;
        const auto bias = one.bias ? torch::randn({one.out}).requires_grad_(true) : torch::Tensor();
        for (const bool gaps : {false, true}) {
            auto x = torch::randn({one.rows, one.in * 2});
            x = (gaps ? x.slice(1, 0, 2 * one.in, 2) : x.slice(1, 0, one.in).contiguous()).detach().requires_grad_(true);
            std::vector<torch::Tensor> asked{x, leaf};
            if (one.bias) asked.push_back(bias);
            const auto scale = torch::randn({one.rows, one.out});
            const auto ours = training_linear(x, weight, bias), theirs = torch::linear(x, weight, bias);
            EXPECT_TRUE(torch::allclose(ours, theirs, 1e-4, 1e-4));
            const auto our_gradients = torch::autograd::grad({(ours * scale).sum()}, asked), their_gradients = torch::autograd::grad({(theirs * scale).sum()}, asked);
            for (std::size_t i = 0; i < asked.size(); ++i) EXPECT_TRUE(torch::allclose(our_gradients[i], their_gradients[i], 1e-4, 1e-4)) << i;
        }
    }
}

TEST(TrainingLinear, gradients_that_nobody_asks_for_are_not_made) {
    const auto x = torch::randn({4, 3}), weight = torch::randn({2, 3}).requires_grad_(true);
    EXPECT_TRUE(torch::autograd::grad({training_linear(x, weight, {}).sum()}, {weight})[0].defined());
    EXPECT_FALSE(training_linear(x, weight.detach(), {}).requires_grad());
    const auto wide = x.to(torch::kDouble).requires_grad_(true);  // not for oneDNN
    EXPECT_EQ(training_linear(wide, weight.to(torch::kDouble), {}).scalar_type(), torch::kDouble);
}

TEST(TrainingLinear, in_bf16_is_the_linear_layer_summed_in_fp32) {
    torch::manual_seed(4);
    const auto bf16 = [](const torch::Tensor& x) { return x.to(torch::kBFloat16); };
    for (const Case& one : {Case{1, 1, 1, true, false}, {7, 5, 3, true, false}, {64, 32, 48, false, false}, {65, 17, 66, true, true},
                            {0, 4, 6, true, false}, {130, 256, 64, false, true}}) {
        const auto leaf = bf16(torch::randn(one.transposed ? std::vector<std::int64_t>{one.in, one.out} : std::vector<std::int64_t>{one.out, one.in})).requires_grad_(true);
        const auto bias = one.bias ? bf16(torch::randn({one.out})).requires_grad_(true) : torch::Tensor();
        const auto x = bf16(torch::randn({one.rows, one.in * 2})).slice(1, 0, 2 * one.in, 2).detach().requires_grad_(true);
        const auto scale = bf16(torch::randn({one.rows, one.out}));
        const auto run = [&](bool wide, auto layer) {
            const auto taken = [&](const torch::Tensor& value) { return wide && value.defined() ? value.detach().to(torch::kFloat).requires_grad_(true) : value; };
            const auto input = taken(x), weight = taken(leaf), shift = taken(bias);
            std::vector<torch::Tensor> asked{input, weight};
            if (one.bias) asked.push_back(shift);
            const auto result = layer(input, one.transposed ? weight.t() : weight, shift);
            auto found = torch::autograd::grad({result}, asked, {scale.to(result.scalar_type())});
            found.push_back(result);
            return found;
        };
        const auto ours = run(false, [](const auto& a, const auto& w, const auto& b) { return training_linear(a, w, b); });
        const auto exact = run(true, [](const auto& a, const auto& w, const auto& b) { return torch::linear(a, w, b); });
        for (std::size_t i = 0; i < ours.size(); ++i) {
            EXPECT_EQ(ours[i].scalar_type(), torch::kBFloat16);
            const double scale_of = exact[i].numel() > 0 ? exact[i].abs().max().item<double>() : 0;
            EXPECT_TRUE(torch::allclose(ours[i].to(torch::kFloat), exact[i], 1.0 / 128, 1e-3 * scale_of)) << one.rows << " rows, " << i;
        }
    }
}

}  // namespace
}  // namespace kohort::model

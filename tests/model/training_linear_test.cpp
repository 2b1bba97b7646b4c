// The linear layer of training against LibTorch's own, forwards and backwards, and against finite differences.
#include "model/training_linear.h"

#include <gtest/gtest.h>

namespace kohort::model {
namespace {

struct Case {
    std::int64_t rows, in, out;
    bool bias, transposed;  // transposed: the weight is a view of an [in, out] leaf
};

TEST(TrainingLinear, is_the_linear_layer_of_libtorch) {
    torch::manual_seed(3);
    for (const Case& one : {Case{1, 1, 1, true, false}, {7, 5, 3, true, false}, {64, 32, 48, false, false}, {33, 17, 65, true, true},
                            {0, 4, 6, true, false}, {130, 256, 64, false, true}}) {
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

}  // namespace
}  // namespace kohort::model

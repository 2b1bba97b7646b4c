// Layers packed for encoding against plain PyTorch in double: shapes that fill no block, both types, all that is fused.
#include "model/packed_linear.h"

#include <gtest/gtest.h>

#include <thread>

#include "model/layers.h"

namespace kohort::model {
namespace {

struct Shape {
    std::int64_t rows, in, out;
};
constexpr Shape shapes[] = {{1, 1, 1}, {1, 64, 3}, {15, 7, 33}, {16, 100, 48}, {17, 128, 384}, {255, 31, 5}, {256, 64, 64}, {257, 96, 32}, {530, 48, 130}, {300, 800, 65}};

// What rounding to bf16 or to fp32 allows, of the largest value.
double tolerance(torch::ScalarType type) { return type == torch::kBFloat16 ? 1.0 / 128 : 1e-5; }

void expect_close(const torch::Tensor& got, const torch::Tensor& expected, double allowed, const Shape& shape) {
    ASSERT_EQ(got.sizes(), expected.sizes());
    const double off = (got.to(torch::kDouble) - expected).abs().max().item<double>(), largest = expected.abs().max().item<double>();
    EXPECT_LE(off, allowed * (largest + 0.01)) << shape.rows << " x " << shape.in << " -> " << shape.out;
}

class PackedLinearTest : public testing::TestWithParam<torch::ScalarType> {
  protected:
    void SetUp() override {
        torch::manual_seed(7);
        if (!pack_linear(torch::ones({8, 8}, GetParam()), {})) GTEST_SKIP() << "not on this processor: layers stay as they are";
    }
    torch::Tensor normal(torch::IntArrayRef shape) const { return torch::randn(shape).to(GetParam()); }
};

TEST_P(PackedLinearTest, products_biases_and_activations_are_those_of_plain_layers) {
    const torch::NoGradGuard no_gradients;
    for (const Shape& shape : shapes)
        for (const bool with_bias : {false, true}) {
            const auto weight = normal({shape.out, shape.in}), x = normal({shape.rows, shape.in});
            const auto bias = with_bias ? normal({shape.out}) : torch::Tensor();
            const auto packed = pack_linear(weight, bias);
            ASSERT_TRUE(packed);
            auto product = torch::matmul(x.to(torch::kDouble), weight.to(torch::kDouble).t());
            if (with_bias) product = product + bias.to(torch::kDouble);
            expect_close(packed->run(x, {}), product, tolerance(GetParam()), shape);
            for (const auto activation : {Activation::gelu, Activation::gelu_tanh, Activation::relu})
                expect_close(packed->run(x, activation), activate(activation, product), tolerance(GetParam()), shape);
        }
}

TEST_P(PackedLinearTest, adds_to_what_is_there_in_the_weights_type_and_in_float32) {
    const torch::NoGradGuard no_gradients;
    for (const Shape& shape : shapes)
        for (const auto type : {GetParam(), torch::kFloat}) {
            const Linear plain(normal({shape.out, shape.in}), normal({shape.out}));
            Linear packed = plain;
            packed.pack();
            ASSERT_TRUE(packed.packed && !packed.weight.defined());
            const auto x = normal({shape.rows, shape.in}), residual = torch::randn({shape.rows, shape.out}).to(type);
            const auto expected = residual.to(torch::kDouble) + torch::matmul(x.to(torch::kDouble), plain.weight.to(torch::kDouble).t()) + plain.bias.to(torch::kDouble);
            expect_close(packed.added_to(residual.clone(), x), expected, tolerance(type), shape);
        }
}

TEST_P(PackedLinearTest, rows_without_gaps_or_with_them_and_threads_give_the_same_bits) {
    const torch::NoGradGuard no_gradients;
    const auto packed = pack_linear(normal({70, 40}), normal({70}));
    const auto wide = normal({300, 80}), x = wide.narrow(1, 20, 40);
    const auto expected = packed->run(x.contiguous(), Activation::gelu);
    EXPECT_TRUE(packed->run(x, Activation::gelu).equal(expected));
    std::vector<torch::Tensor> results(4);
    std::vector<std::thread> threads;
    for (auto& result : results)
        threads.emplace_back([&] {
            const torch::NoGradGuard none;
            at::set_num_threads(1);
            for (int round = 0; round < 20; ++round) result = packed->run(x, Activation::gelu);
        });
    for (auto& thread : threads) thread.join();
    for (const auto& result : results) EXPECT_TRUE(result.equal(expected));
}

INSTANTIATE_TEST_SUITE_P(Types, PackedLinearTest, testing::Values(torch::kFloat, torch::kBFloat16));

}  // namespace
}  // namespace kohort::model

// Training's linear layers in bf16 on kernels of our own.
#include "model/bf16_product.h"

#include <gtest/gtest.h>

#include <exception>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "model/training_linear.h"

namespace kohort::model {
namespace {

// Ever-new shapes on two threads: through LibTorch 1.13's own products that ended in a bad allocation.
TEST(Bf16Product, many_numbers_of_rows_need_few_kernels) {
    const std::int64_t before = bf16_kernels();
    std::vector<std::string> found(2);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 2; ++t) threads.emplace_back([&found, t] {
        try {
            at::set_num_threads(1);
            std::mt19937 draw(t);
            const auto type = torch::TensorOptions(torch::kBFloat16);
            const auto weight = torch::ones({64, 32}, type).requires_grad_(true), bias = torch::ones({64}, type).requires_grad_(true);
            for (int i = 0; i < 1500; ++i) {
                const auto rows = 1 + static_cast<std::int64_t>(draw() % 256);
                const auto y = training_linear(torch::ones({rows, 32}, type), weight, bias);
                const auto gradients = torch::autograd::grad({y}, {weight, bias}, {torch::ones_like(y)});
                if (!y.eq(33).all().item<bool>() || !gradients[0].eq(rows).all().item<bool>()) found[t] = "a wrong product";
            }
        } catch (const std::exception& error) {
            found[t] = error.what();
        }
    });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(found, std::vector<std::string>(2));
    EXPECT_LE(bf16_kernels() - before, 8) << "four numbers of rows, forwards and backwards";
}

}  // namespace
}  // namespace kohort::model

// Products of two thousand shapes on two threads at once: more than oneDNN keeps by itself.
#include "model/kernel_cache.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <exception>
#include <random>
#include <thread>
#include <vector>

#include "model/torch_compat.h"

namespace kohort::model {
namespace {

// The thrown message, or nothing.
std::string multiply_many(unsigned seed, int products) {
    try {
        const torch::NoGradGuard no_gradients;
        std::mt19937 draw(seed);
        const auto type = torch::TensorOptions(torch::kBFloat16);
        const auto weight = torch::ones({64, 32}, type), bias = torch::ones({64}, type);
        for (int i = 0; i < products; ++i) {
            const auto x = torch::ones({1 + static_cast<std::int64_t>(draw() % 2000), 32}, type);
            const auto y = torch::linear(x, weight, bias);
            if (!y.eq(33).all().item<bool>()) return "a wrong product";
        }
    } catch (const std::exception& error) {
        return error.what();
    }
    return "";
}

TEST(KernelCache, threads_may_multiply_ever_new_shapes_at_once) {
    if (!compat::cpu_multiplies_bf16()) GTEST_SKIP() << "this processor has no bf16 arithmetic";
    const int threads_before = at::get_num_threads();
    at::set_num_threads(1);
    keep_compiled_kernels();
    std::vector<std::string> found(2);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 2; ++t) threads.emplace_back([&found, t] {
        at::set_num_threads(1);
        found[t] = multiply_many(t, 6000);
    });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(found, std::vector<std::string>(2));
    drop_compiled_kernels();
    EXPECT_EQ(multiply_many(3, 10), "") << "they are compiled anew";
    at::set_num_threads(threads_before);
}

}  // namespace
}  // namespace kohort::model

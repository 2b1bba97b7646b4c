// A gradient against the slopes of the function that it is said to be of.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>

namespace kohort::train {

// gradient [rows, d] at the point `at` [rows, d], taken as double, of `function`, by central differences.
inline void expect_gradient(const torch::Tensor& gradient, const torch::Tensor& at, const std::function<double(const torch::Tensor&)>& function) {
    const auto exact = at.to(torch::kDouble);
    constexpr double step = 1e-5;
    for (std::int64_t row = 0; row < exact.size(0); ++row)
        for (std::int64_t d = 0; d < exact.size(1); ++d) {
            auto up = exact.clone(), down = exact.clone();
            up[row][d] += step;
            down[row][d] -= step;
            EXPECT_NEAR(gradient[row][d].item<double>(), (function(up) - function(down)) / (2 * step), 1e-5) << row << ' ' << d;
        }
}

}  // namespace kohort::train

// Gradients of autograd against finite differences, in double.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "model/layers.h"

namespace kohort::model {

// Gives leaves that ask for gradients, before a model makes views of them.
inline TensorSource as_leaves(TensorSource source) {
    return [source = std::move(source)](const std::string& name, torch::IntArrayRef shape) {
        return source(name, shape).detach().requires_grad_(true);
    };
}

// Two elements of every parameter (a leaf in double): the one with the largest gradient, and one in the midst. `loss` computes from
// the parameters as they are.
inline void expect_gradients_of(const std::vector<Parameter>& parameters, const std::function<torch::Tensor()>& loss) {
    std::vector<torch::Tensor> weights;
    for (const Parameter& parameter : parameters) weights.push_back(parameter.value);
    const auto value = loss();
    const auto gradients = torch::autograd::grad({value}, weights, {}, false, false, /*allow_unused=*/false);
    const torch::NoGradGuard no_gradients;
    constexpr double step = 1e-6;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const auto gradient = gradients[i].to_dense().flatten();  // of word embeddings they are sparse
        auto flat = weights[i].view({-1});
        for (const std::int64_t element : {gradient.abs().argmax().item<std::int64_t>(), flat.size(0) / 3}) {
            const double original = flat[element].item<double>(), expected = gradient[element].item<double>();
            flat[element] = original + step;
            const double above = loss().item<double>();
            flat[element] = original - step;
            const double below = loss().item<double>();
            flat[element] = original;
            const double scale = std::max(1.0, std::abs(value.item<double>()));  // differences lose digits of the loss
            EXPECT_NEAR((above - below) / (2 * step), expected, 1e-5 * std::abs(expected) + 1e-7 * scale) << parameters[i].name;
        }
    }
}

}  // namespace kohort::model

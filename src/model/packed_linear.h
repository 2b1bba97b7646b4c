// A linear layer as inference on a CPU wants it: the weights are laid out once instead of with every product, for oneDNN's
// kernels (packed_linear_onednn.cpp) or in bf16 parts (packed_linear_split.cpp); biases and the addition to a residual are part
// of the product.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <optional>

#include "model/model_config.h"

namespace kohort::model {

class PackedLinear {
  public:
    virtual ~PackedLinear() = default;

    // x [n, in] of the weights' type -> activation(x weightᵀ + bias) [n, out]. Thread-safe. The result has the same
    // bits on any number of threads, each of which must compute with one (at::set_num_threads).
    virtual torch::Tensor run(const torch::Tensor& x, std::optional<Activation> activation) const = 0;

    // sum [n, out] += x weightᵀ + bias, in place; sum is of the weights' type or fp32.
    virtual void add_to(torch::Tensor& sum, const torch::Tensor& x) const = 0;
};

// weight [out, in] and bias [out] (undefined: none), fp32 or bf16. Null where this build or this processor has no such
// kernel, and on a GPU.
std::shared_ptr<const PackedLinear> pack_linear(const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace kohort::model

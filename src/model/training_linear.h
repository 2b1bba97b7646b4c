// A linear layer as training on a CPU wants it: LibTorch's fp32 products go through the system's BLAS, which knows less of
// new processors than oneDNN does, and the three products of a layer are most of a training's time.
#pragma once

#include <torch/torch.h>

namespace kohort::model {

// x weightᵀ + bias (undefined: none) for x [n, in] and weight [out, in], with gradients to all three. fp32 on a CPU is
// multiplied in bf16 parts (split_product.h) or by oneDNN where this build has it, anything else by LibTorch. The result has the same bits on any number of
// threads, each of which must compute with one (at::set_num_threads).
torch::Tensor training_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace kohort::model

// Products of bf16 matrices by oneDNN, whose kernels are kept here. LibTorch 1.13 keeps descriptions of its last thousand
// products on each thread, and oneDNN 2.6 reads freed memory where it is to make a kernel again from such a description after
// it has forgotten the kernel: with ever-new shapes on several threads, trainings died in a bad allocation.
#pragma once

#include <torch/torch.h>

namespace kohort::model {

// Rows of text are filled up to whole multiples of this with zeros, so that there are few shapes: each shape's kernel has to
// be compiled.
constexpr std::int64_t bf16_row_step = 64;

// a [m, k] b [k, n] + bias [n] (undefined: none) -> [m, n], all bf16 on the CPU, summed in fp32. a and b lie by rows or by
// columns without gaps; none of the sizes is 0. Computed by the calling thread's at::get_num_threads().
torch::Tensor multiply_bf16(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& bias = {});

// How many shapes have been multiplied so far in this process.
std::int64_t bf16_kernels();

}  // namespace kohort::model

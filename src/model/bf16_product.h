// Products of bf16 matrices by oneDNN, whose kernels are kept here. Left to LibTorch 1.13 and oneDNN 2.6, trainings with
// ever-new shapes died of std::bad_alloc, thrown as a kernel was made: always once oneDNN's store of kernels had been emptied
// between two batches, and now and then on several threads. Why is not known for certain; it looks as if what LibTorch
// remembers of its last products on each thread pointed at what the store no longer has. Nothing is ever taken out of this one.
#pragma once

#include <torch/torch.h>

namespace kohort::model {

// Rows of text are filled up to whole multiples of this with zeros, so that there are few shapes: each shape's kernel has to
// be compiled.
constexpr std::int64_t bf16_row_step = 64;

// a [m, k] b [k, n] + bias [n] (undefined: none) -> [m, n], all bf16 on the CPU, summed in fp32. a and b lie by rows or by
// columns without gaps; none of the sizes is 0. Computed by the calling thread's at::get_num_threads(). dnnl::error where oneDNN
// has no such product.
torch::Tensor multiply_bf16(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& bias = {});

// How many shapes have been multiplied so far in this process.
std::int64_t bf16_kernels();

}  // namespace kohort::model

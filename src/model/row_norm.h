// Layer normalisation as inference on a CPU wants it: in one pass over rows of either type, computed in float32.
#pragma once

#include <torch/torch.h>

namespace kohort::model {

class RowNorm {
  public:
    // weight and bias [size], on the CPU.
    RowNorm(const torch::Tensor& weight, const torch::Tensor& bias, double epsilon);

    // x [n, size], fp32 or bf16, contiguous -> the same. Computed by the calling thread; the same bits with AVX2 and AVX-512.
    torch::Tensor operator()(const torch::Tensor& x) const;

  private:
    torch::Tensor weight_, bias_;  // fp32
    double epsilon_;
};

}  // namespace kohort::model

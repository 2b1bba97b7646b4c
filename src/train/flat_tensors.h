// Several tensors read and written as one long vector, without a copy of it.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "model/layers.h"
#include "parallel/balanced_ranges.h"

namespace kohort::train {

class FlatTensors {
  public:
    // Contiguous fp32 tensors, on any device; their storage is shared.
    explicit FlatTensors(const std::vector<torch::Tensor>& tensors);
    explicit FlatTensors(const std::vector<model::Parameter>& parameters);

    std::int64_t size() const { return offsets_.back(); }
    // Elements [first, first + other.numel()) from or to a flat fp32 tensor, on any device.
    void read(std::int64_t first, const torch::Tensor& to) const;
    void write(std::int64_t first, const torch::Tensor& from) const;

  private:
    void add(const torch::Tensor& tensor);
    void walk(std::int64_t first, const torch::Tensor& other,
              const std::function<void(torch::Tensor own, torch::Tensor part)>& visit) const;

    std::vector<torch::Tensor> tensors_;    // flat
    std::vector<std::int64_t> offsets_{0};  // [tensors + 1]
};

}  // namespace kohort::train

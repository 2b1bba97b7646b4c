// Dropout masks that can be replayed: each element's fate is a function of seed, step, sequence, layer, site and
// element, so it does not matter which thread computes a micro-batch, or how often.
#pragma once

#include <cstdint>
#include <vector>

#include "base/philox.h"
#include "model/bert.h"

namespace kohort::train {

class DropoutMasks : public model::DropoutSource {
  public:
    // For one micro-batch: `sequences` are its rows' places in the step's canonical order.
    DropoutMasks(std::uint64_t seed, std::int64_t step, std::vector<std::int32_t> sequences);

    // The share of zeros is `rate` rounded to 2^-16. The tensor is on the CPU.
    torch::Tensor scaled_mask(int layer, model::DropoutSite site, double rate, torch::IntArrayRef shape) override;

  private:
    base::Philox random_;
    std::int64_t step_;
    std::vector<std::int32_t> sequences_;
};

}  // namespace kohort::train

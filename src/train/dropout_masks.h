// Dropout masks that can be replayed: each element's fate is a function of seed, step, sequence, layer, site and
// element, so it does not matter which thread computes a micro-batch, or how often.
#pragma once

#include <cstdint>
#include <vector>

#include "base/philox.h"
#include "model/dropout.h"

namespace kohort::train {

class DropoutMasks : public model::DropoutSource {
  public:
    // For one micro-batch: `sequences` are its rows' places in the step's canonical order. The share of zeros is `rate`
    // rounded to 2^-16.
    DropoutMasks(std::uint64_t seed, std::int64_t step, double rate, std::vector<std::int32_t> sequences);

    torch::Tensor scaled_mask(int layer, model::DropoutSite site, torch::IntArrayRef shape) override;

  private:
    base::Philox random_;
    std::int64_t step_;
    double rate_;
    std::vector<std::int32_t> sequences_;
};

}  // namespace kohort::train

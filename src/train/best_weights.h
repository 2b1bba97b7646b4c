// The weights of the best evaluation so far: each rank keeps its share of them, and a checkpoint holds them too, so that
// they are never of another training's past than the rest of the state.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "parallel/communicator.h"
#include "train/flat_tensors.h"

namespace kohort::train {

class BestWeights {
  public:
    // Begins as the share `elements` of `weights`.
    BestWeights(const FlatTensors& weights, const parallel::Range& elements);

    void keep(const FlatTensors& weights);
    // Collective. Overwrites `weights` on all ranks; elements[r] is rank r's share.
    void restore(parallel::Communicator& comm, const FlatTensors& weights, const std::vector<parallel::Range>& elements,
                 torch::Device device) const;

    const FlatTensors& values() const { return values_; }  // the share

  private:
    parallel::Range elements_;
    torch::Tensor kept_;  // on the host, flat
    FlatTensors values_;
};

}  // namespace kohort::train

// Sums the gradients of a step's micro-batches over threads and ranks without regard to order: each micro-batch's
// gradient is rounded once to its tensor's grid and added in int64, and integer sums commute.
// A tensor's grid follows from the largest gradients of earlier steps, which are the same on every rank, with
// headroom for growth by 2^10. A gradient beyond that is found, and the step is computed again on a coarser grid.
#pragma once

#include <torch/torch.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "model/layers.h"
#include "parallel/communicator.h"

namespace kohort::train {

class GradientReducer {
  public:
    // For gradients shaped like `parameters` (fp32, on one device); names serve messages.
    GradientReducer(parallel::Communicator& comm, std::vector<model::Parameter> parameters);

    // Empties the sums. No element of any tensor will get more than `terms` terms in this step, over all ranks (a
    // row of a sparse gradient counts as one term for each time it is listed).
    void begin(std::int64_t terms);

    // Adds one micro-batch's gradient of parameters[tensor]: dense or sparse (rows of a 2-D tensor), of any float
    // type. An undefined one is zero. Thread-safe.
    void add(std::size_t tensor, const torch::Tensor& gradient);

    // Collective. The sums over all ranks as fp32 tensors, or nothing where a gradient did not fit its grid: then the
    // grid has been made coarser, alike on all ranks, and the caller computes the same step again. Throws
    // Error(internal), on all ranks, when a gradient is infinite or NaN; `step` names the place.
    std::vector<torch::Tensor> reduce(std::int64_t step);

    // What the grids follow from: for each tensor the recent largest |gradient| of a micro-batch. Part of a
    // checkpoint. All 0 at first, so that the first step only measures and is then computed again.
    const std::vector<float>& recent_largest() const { return recent_largest_; }
    void set_recent_largest(std::vector<float> values);

    std::int64_t repeats() const { return repeats_; }  // steps computed again so far

  private:
    torch::Tensor sums_of(std::size_t tensor) const;
    float bound(std::size_t tensor) const;
    void sum_over_ranks();

    parallel::Communicator& comm_;
    std::vector<model::Parameter> parameters_;
    std::vector<std::int64_t> offsets_{0};  // [tensors + 1] into sums_
    torch::Tensor sums_;                    // int64, on the parameters' device
    std::vector<float> recent_largest_;
    std::vector<int> exponents_;
    std::vector<std::int32_t> largest_bits_;     // of this step, by tensor
    std::unique_ptr<std::mutex[]> mutexes_;      // by tensor
    std::int64_t repeats_ = 0;
};

}  // namespace kohort::train

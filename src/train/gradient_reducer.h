// Sums the gradients of a step's micro-batches over threads and ranks without regard to order: each micro-batch's
// gradient is rounded once to its tensor's grid and added in int64, and integer sums commute.
// A tensor's grid follows from the largest gradients of earlier steps, which are the same on every rank, with
// headroom for growth by 2^10. A gradient beyond that is found, and the step is computed again on a coarser grid.
//
// Over ranks, sums go in buckets, from the last tensor to the first: every rank adds up its share of a bucket and
// hands round what that comes to in fp32. A bucket may leave as soon as all of this rank's micro-batches are through with
// its tensors, while the backward passes go on with others.
#pragma once

#include <torch/torch.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "model/layers.h"
#include "parallel/communicator.h"
#include "train/bucket_thread.h"
#include "train/reduction.h"

namespace kohort::train {

class GradientReducer {
  public:
    // Collective. For gradients shaped like `parameters` (fp32, on one device); names serve messages. On a GPU nothing
    // overlaps, and fast_bf16 is fast.
    GradientReducer(parallel::Communicator& comm, std::vector<model::Parameter> parameters, const ReductionOptions& options = {});

    // Empties the sums. No element of any tensor will get more than `terms` terms in this step, over all ranks (a
    // row of a sparse gradient counts as one term for each time it is listed). With `passes`, the number of this rank's
    // backward passes, buckets leave early: what passed() was called for so often.
    void begin(std::int64_t terms, std::optional<std::int64_t> passes = {});

    // Adds one micro-batch's gradient of parameters[tensor]: dense or sparse (rows of a 2-D tensor), of any float
    // type. An undefined one is zero. Thread-safe.
    void add(std::size_t tensor, const torch::Tensor& gradient);

    // A backward pass has added all that it will ever add to this tensor. Thread-safe.
    void passed(std::size_t tensor);

    // Collective. The sums over all ranks as fp32 tensors (which live until the next begin()), or nothing where a gradient
    // did not fit its grid: then the grid has been made coarser, alike on all ranks, and the caller computes the same step
    // again. Throws Error(internal), on all ranks, when a gradient is infinite or NaN; `step` names the place.
    std::vector<torch::Tensor> reduce(std::int64_t step);

    // What the grids follow from: for each tensor the recent largest |gradient| of a micro-batch. Part of a
    // checkpoint. All 0 at first, so that the first step only measures and is then computed again.
    const std::vector<float>& recent_largest() const { return recent_largest_; }
    void set_recent_largest(std::vector<float> values);

    std::int64_t repeats() const { return repeats_; }  // steps computed again so far
    const ReductionStatistics& statistics() const { return statistics_; }

  private:
    using Clock = std::chrono::steady_clock;
    struct Range {
        std::int64_t begin, end;  // of elements
        std::int64_t size() const { return end - begin; }
    };

    bool exact() const { return options_.kind == Reduction::exact; }
    torch::Tensor sums_of(std::size_t tensor) const;
    float bound(std::size_t tensor) const;
    bool agree_on_grids(std::int64_t step);
    void check_finite(std::int64_t step) const;
    [[noreturn]] void fail_not_finite(std::size_t tensor, std::int64_t step) const;

    Range bucket(std::int64_t index) const;
    template <class Visit>
    void for_buckets_of(std::size_t tensor, const Visit& visit) const;
    void exchange(parallel::Communicator& comm, std::int64_t index);
    void exchange_on_device();
    void convert(Range range, const torch::Tensor& sums, const torch::Tensor& result) const;

    parallel::Communicator& comm_;
    std::vector<model::Parameter> parameters_;
    ReductionOptions options_;
    std::vector<std::int64_t> offsets_{0};  // [tensors + 1] into sums_
    torch::Tensor sums_;                    // int64, or fp32 where sums are fast; on the parameters' device
    torch::Tensor result_;                  // fp32, the sums over all ranks
    std::vector<float> recent_largest_;
    std::vector<int> exponents_;
    std::vector<std::int32_t> largest_bits_;  // of this step, by tensor
    std::unique_ptr<std::mutex[]> mutexes_;   // by tensor
    std::int64_t repeats_ = 0;

    std::int64_t buckets_ = 0;
    bool overlapping_ = false;                             // in this step
    std::vector<std::int64_t> passes_left_;                // by tensor
    std::unique_ptr<std::atomic<std::int64_t>[]> waiting_for_;  // by bucket: tensors not yet passed
    std::vector<std::pair<Clock::time_point, Clock::time_point>> under_way_;  // buckets of this step
    ReductionStatistics statistics_;
    std::unique_ptr<parallel::Communicator> sibling_;  // what buckets that leave early go over
    std::unique_ptr<BucketThread> thread_;             // last: it uses all of the above
};

}  // namespace kohort::train

#include "train/mean_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/worker_threads.h"
#include "parallel/collectives.h"
#include "parallel/exact_sum.h"

namespace kohort::train {
namespace {

constexpr int loss_exponent = 30;  // all micro-batches' summed losses together stay below 2^32, or are too large to be one

}  // namespace

StepResult mean_over_targets(const StepContext& step, std::int64_t count, std::int64_t own_targets,
                             const std::function<double(std::int64_t, std::int64_t)>& learn) {
    const std::int64_t targets = parallel::all_sum(step.comm, own_targets);
    std::vector<double> losses(static_cast<std::size_t>(count), 0);
    base::parallel_for(step.options.threads, count, [&](std::int64_t i) {
        step.comm.check_peers();
        losses[static_cast<std::size_t>(i)] = learn(i, targets);
    });
    std::int64_t sums[2] = {0, 0};  // of losses, and of how many are no numbers, or run away
    const double most = 0x1p32 / static_cast<double>(std::max<std::size_t>(step.sequences.micro_batches.size(), 1));
    for (const double loss : losses) {
        if (std::abs(loss) < most) sums[0] += parallel::to_fixed_point(loss, loss_exponent);
        else ++sums[1];
    }
    parallel::all_reduce(step.comm, std::span<std::int64_t>(sums), parallel::ReduceOperation::sum);
    if (sums[1] > 0) return {std::numeric_limits<double>::quiet_NaN(), targets};
    return {parallel::from_fixed_point(sums[0], loss_exponent) / static_cast<double>(std::max<std::int64_t>(targets, 1)), targets};
}

double learn_targets(const StepContext& step, Replica& replica, const torch::Tensor& scores,
                     const std::vector<std::int64_t>& targets, std::int64_t all_targets) {
    const auto wanted = torch::tensor(targets, torch::kLong).to(scores.device());
    const auto loss = torch::cross_entropy_loss(scores.to(torch::kFloat), wanted, {}, at::Reduction::Sum);
    if (step.gradients) replica.backward(loss, torch::full_like(loss, 1.0 / static_cast<double>(all_targets)));
    return loss.item<double>();
}

}  // namespace kohort::train

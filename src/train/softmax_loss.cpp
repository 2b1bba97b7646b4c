#include "train/softmax_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/worker_threads.h"
#include "parallel/collectives.h"
#include "parallel/exact_sum.h"
#include "parallel/heartbeat.h"

namespace kohort::train {
namespace {

constexpr std::int64_t scores_at_once = std::int64_t{1} << 20, most_rows = 256;
// With fewer scores than this each rank computes all of them sooner than it hears from the others.
constexpr std::int64_t scores_worth_sharing = std::int64_t{1} << 24;

}  // namespace

SoftmaxLoss softmax_loss(const torch::Tensor& anchors, const torch::Tensor& candidates, const torch::Tensor& own, const torch::Tensor& target,
                         const Exclusion& excluded, double temperature, double margin, const LossWorkers& workers) {
    const torch::NoGradGuard no_grad;
    const std::int64_t n = anchors.size(0), m = candidates.size(0), d = anchors.size(1);
    const std::int64_t rows = std::clamp<std::int64_t>(scores_at_once / std::max<std::int64_t>(m, 1), 1, most_rows);
    const std::int64_t blocks = (n + rows - 1) / rows;
    const bool shared = workers.comm && workers.comm->size() > 1 && n * m >= scores_worth_sharing;

    // All results in one array of 64-bit numbers, zero where this rank computes nothing: ranks add it up as integers, which of
    // doubles gives their bits. Only gradients of candidates are sums over blocks: they are rounded to a grid. None is above
    // 1 / temperature, as the anchors' shares are at most 1 / (N temperature) each.
    auto all = torch::zeros({n * d + n + 2 * blocks + m * d}, torch::kLong);
    std::int64_t taken = 0;
    const auto take = [&](std::int64_t count) {
        taken += count;
        return all.slice(0, taken - count, taken);
    };
    auto of_anchors = take(n * d).view(torch::kDouble).view({n, d}), of_own = take(n).view(torch::kDouble);
    auto losses = take(blocks).view(torch::kDouble), chances = take(blocks).view(torch::kDouble);
    auto on_grid = take(m * d).view({m, d});
    const int exponent = parallel::fixed_point_exponent(std::max<std::int64_t>(blocks, 1), 1 / temperature);
    const double each = 1 / (temperature * static_cast<double>(n));
    std::mutex mutex;
    base::parallel_for(workers.threads, blocks, [&](std::int64_t block) {
        if (shared && block % workers.comm->size() != workers.comm->rank()) return;
        const torch::NoGradGuard none_here;  // a thread's own
        parallel::heartbeat();
        const std::int64_t first = block * rows, last = std::min(n, first + rows);
        const auto some = anchors.slice(0, first, last);
        const auto own_score = own.slice(0, first, last).unsqueeze(1), place = target.slice(0, first, last).unsqueeze(1);
        auto scores = torch::matmul(some, candidates.t());
        const auto none = (excluded(first, last) | scores.gt(own_score + margin)).scatter(1, place, false);
        scores.masked_fill_(none, -std::numeric_limits<double>::infinity()).scatter_(1, place, own_score).div_(temperature);
        const auto total = torch::logsumexp(scores, 1, true);
        losses[block] = (total - own_score / temperature).sum();
        chances[block] = none.logical_not().sum(1).to(torch::kDouble).log().sum();
        auto shares = scores.sub_(total).exp_();
        of_own.slice(0, first, last).copy_((shares.gather(1, place).squeeze(1) - 1) * each);
        shares.scatter_(1, place, 0).mul_(each);
        of_anchors.slice(0, first, last).copy_(torch::matmul(shares, candidates));
        const auto of_candidates = torch::matmul(shares.t(), some).mul_(std::ldexp(1.0, exponent)).round_().to(torch::kLong);
        const std::lock_guard lock(mutex);
        on_grid.add_(of_candidates);
    });
    if (shared)
        parallel::all_reduce(*workers.comm, std::span(all.data_ptr<std::int64_t>(), static_cast<std::size_t>(all.numel())),
                             parallel::ReduceOperation::sum);
    const auto mean = [&](const torch::Tensor& of_blocks) {
        double sum = 0;
        for (std::int64_t block = 0; block < blocks; ++block) sum += of_blocks[block].item<double>();
        return sum / static_cast<double>(n);
    };
    return {mean(losses), mean(chances), of_anchors, on_grid.to(torch::kDouble).mul_(std::ldexp(1.0, -exponent)), of_own};
}

}  // namespace kohort::train

#include "train/contrastive_loss.h"

namespace kohort::train {

Exclusion no_negatives(const std::vector<std::int64_t>& users, const std::vector<SideKeys>& sides) {
    const auto user = torch::tensor(users, torch::kLong);
    std::vector<std::int64_t> keys[2];
    for (const SideKeys& side : sides)
        for (std::size_t s = 0; s < 2; ++s) keys[s].push_back(side[s]);
    const torch::Tensor key[2] = {torch::tensor(keys[0], torch::kLong), torch::tensor(keys[1], torch::kLong)};
    return [user, one = key[0], other = key[1]](std::int64_t first, std::int64_t last) {
        const auto equal = [&](const torch::Tensor& a, const torch::Tensor& b) { return a.slice(0, first, last).unsqueeze(1).eq(b.unsqueeze(0)); };
        auto result = equal(user, user);
        if (one.size(0) > 0) result = result | equal(one, one) | equal(other, other) | equal(one, other) | equal(other, one);
        const auto itself = torch::arange(first, last, torch::kLong).unsqueeze(1);
        return result.scatter_(1, itself, false);
    };
}

ContrastiveLoss contrastive_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample, const Exclusion& excluded,
                                 double temperature, double margin, const LossWorkers& workers) {
    const auto samples = static_cast<std::int64_t>(per_sample.size());
    auto side_of = torch::empty({vectors.size(0)}, torch::kLong);
    auto* side = side_of.data_ptr<std::int64_t>();
    for (std::int64_t sample = 0; sample < samples; ++sample) {
        const std::int32_t count = per_sample[static_cast<std::size_t>(sample)];
        for (std::int32_t i = 0; i < count; ++i) *side++ = (2 * i < count ? 0 : samples) + sample;
    }
    const torch::AutoGradMode with_gradients(true);
    const auto leaf = vectors.detach().to(torch::kDouble).requires_grad_(true);
    // Scaling to length 1 makes the sum as good as the mean.
    const auto sides = torch::nn::functional::normalize(
        torch::zeros({2 * samples, leaf.size(1)}, torch::kDouble).index_add(0, side_of, leaf),
        torch::nn::functional::NormalizeFuncOptions().dim(1));
    const auto firsts = sides.slice(0, 0, samples), seconds = sides.slice(0, samples);
    const auto own = (firsts * seconds).sum(1);
    const auto target = torch::arange(samples, torch::kLong);
    const auto told = [&](const torch::Tensor& anchors, const torch::Tensor& candidates) {
        return softmax_loss(anchors.detach(), candidates.detach(), own.detach(), target, excluded, temperature, margin, workers);
    };
    const auto forward = told(firsts, seconds), backward = told(seconds, firsts);
    const auto gradient = torch::autograd::grad({firsts, seconds, own}, {leaf},
                                                {(forward.of_anchors + backward.of_candidates) / 2, (forward.of_candidates + backward.of_anchors) / 2,
                                                 (forward.of_own + backward.of_own) / 2})[0];
    return {(forward.loss + backward.loss) / 2, (forward.chance + backward.chance) / 2, gradient.to(torch::kFloat)};
}

}  // namespace kohort::train

#include "train/contrastive_loss.h"

#include <limits>

namespace kohort::train {

ContrastiveLoss contrastive_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample,
                                 const std::vector<std::int64_t>& users, double temperature) {
    const auto samples = static_cast<std::int64_t>(per_sample.size());
    auto side_of = torch::empty({vectors.size(0)}, torch::kLong);
    auto* side = side_of.data_ptr<std::int64_t>();
    for (std::int64_t sample = 0; sample < samples; ++sample) {
        const std::int32_t count = per_sample[static_cast<std::size_t>(sample)];
        for (std::int32_t i = 0; i < count; ++i) *side++ = (2 * i < count ? 0 : samples) + sample;
    }
    auto same_user = torch::zeros({samples, samples}, torch::kBool);
    const auto user = torch::tensor(users, torch::kLong);
    same_user.copy_(user.unsqueeze(0).eq(user.unsqueeze(1)));
    same_user.fill_diagonal_(false);

    const torch::AutoGradMode with_gradients(true);
    const auto leaf = vectors.detach().to(torch::kDouble).requires_grad_(true);
    // Scaling to length 1 makes the sum as good as the mean.
    const auto sides = torch::nn::functional::normalize(
        torch::zeros({2 * samples, leaf.size(1)}, torch::kDouble).index_add(0, side_of, leaf),
        torch::nn::functional::NormalizeFuncOptions().dim(1));
    const auto scores = torch::matmul(sides.slice(0, 0, samples), sides.slice(0, samples).t())
                            .div(temperature)
                            .masked_fill(same_user, -std::numeric_limits<double>::infinity());
    const auto target = torch::arange(samples, torch::kLong);
    const auto loss = (torch::cross_entropy_loss(scores, target) + torch::cross_entropy_loss(scores.t(), target)) / 2;
    const auto gradient = torch::autograd::grad({loss}, {leaf})[0];
    return {loss.item<double>(), scores.detach().argmax(1).eq(target).to(torch::kDouble).mean().item<double>(),
            gradient.to(torch::kFloat)};
}

}  // namespace kohort::train

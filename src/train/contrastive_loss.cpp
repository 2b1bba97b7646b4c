#include "train/contrastive_loss.h"

#include <limits>

namespace kohort::train {

torch::Tensor no_negatives(const std::vector<std::int64_t>& users, const std::vector<SideKeys>& sides) {
    const auto equal = [](const torch::Tensor& a, const torch::Tensor& b) { return a.unsqueeze(1).eq(b.unsqueeze(0)); };
    const auto user = torch::tensor(users, torch::kLong);
    auto result = equal(user, user);
    if (!sides.empty()) {
        std::vector<std::int64_t> keys[2];
        for (const SideKeys& side : sides)
            for (std::size_t s = 0; s < 2; ++s) keys[s].push_back(side[s]);
        const auto first = torch::tensor(keys[0], torch::kLong), second = torch::tensor(keys[1], torch::kLong);
        const auto crossed = equal(first, second);
        result = result | equal(first, first) | equal(second, second) | crossed | crossed.t();
    }
    return result.fill_diagonal_(false);
}

ContrastiveLoss contrastive_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample,
                                 const torch::Tensor& excluded, double temperature, double margin) {
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
    const auto cosines = torch::matmul(sides.slice(0, 0, samples), sides.slice(0, samples).t());
    const auto own = cosines.detach().diagonal().add(margin);
    const auto without = [&](const torch::Tensor& above) {
        return cosines.div(temperature).masked_fill(excluded | above, -std::numeric_limits<double>::infinity());
    };
    const auto scores = without(cosines.detach().gt(own.unsqueeze(1)));                 // of second sides, for each first
    const auto backward_scores = without(cosines.detach().gt(own.unsqueeze(0))).t();  // of first sides, for each second
    const auto target = torch::arange(samples, torch::kLong);
    const auto loss = (torch::cross_entropy_loss(scores, target) + torch::cross_entropy_loss(backward_scores, target)) / 2;
    const auto gradient = torch::autograd::grad({loss}, {leaf})[0];
    return {loss.item<double>(), gradient.to(torch::kFloat)};
}

}  // namespace kohort::train

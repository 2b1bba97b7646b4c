#include "train/supervised_loss.h"

namespace kohort::train {

SupervisedLoss supervised_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample,
                               const std::vector<std::vector<std::int32_t>>& labels, const torch::Tensor& weight,
                               const torch::Tensor& bias, bool multi_label) {
    const auto users = static_cast<std::int64_t>(per_sample.size());
    auto user_of = torch::empty({vectors.size(0)}, torch::kLong);
    auto* next = user_of.data_ptr<std::int64_t>();
    for (std::int64_t user = 0; user < users; ++user)
        next = std::fill_n(next, per_sample[static_cast<std::size_t>(user)], user);
    auto target = torch::zeros({users, weight.size(0)}, torch::kDouble);
    for (std::int64_t user = 0; user < users; ++user)
        for (const std::int32_t label : labels[static_cast<std::size_t>(user)])
            target.data_ptr<double>()[user * weight.size(0) + label] = 1;

    const torch::AutoGradMode with_gradients(true);
    const auto leaf = [](const torch::Tensor& value) { return value.detach().cpu().to(torch::kDouble).requires_grad_(true); };
    const auto x = leaf(vectors), w = leaf(weight), b = leaf(bias);
    // Scaling to length 1 makes the sum as good as the mean.
    const auto user = torch::nn::functional::normalize(torch::zeros({users, x.size(1)}, torch::kDouble).index_add(0, user_of, x),
                                                       torch::nn::functional::NormalizeFuncOptions().dim(1));
    const auto scores = torch::linear(user, w, b);
    const auto loss = multi_label ? torch::binary_cross_entropy_with_logits(scores, target)
                                  : torch::cross_entropy_loss(scores, target.argmax(1));
    const auto gradients = torch::autograd::grad({loss}, {x, w, b});

    const auto chosen = multi_label ? scores.detach().gt(0) : torch::one_hot(scores.detach().argmax(1), weight.size(0)).gt(0);
    const auto count = [](const torch::Tensor& which) { return which.sum().item<std::int64_t>(); };
    const auto has = target.gt(0);
    return {loss.item<double>(), {count(chosen & has), count(chosen), count(has)}, gradients[0].to(torch::kFloat),
            gradients[1].to(torch::kFloat), gradients[2].to(torch::kFloat)};
}

}  // namespace kohort::train

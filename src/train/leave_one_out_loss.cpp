#include "train/leave_one_out_loss.h"

#include <limits>
#include <unordered_map>
#include <utility>

namespace kohort::train {
namespace {

// The sample of each text [N].
torch::Tensor sample_of_text(const std::vector<std::int32_t>& per_sample) {
    std::vector<std::int64_t> samples;
    for (std::size_t sample = 0; sample < per_sample.size(); ++sample)
        samples.insert(samples.end(), static_cast<std::size_t>(per_sample[sample]), static_cast<std::int64_t>(sample));
    return torch::tensor(samples, torch::kLong);
}

torch::Tensor unit(const torch::Tensor& rows) {
    return torch::nn::functional::normalize(rows, torch::nn::functional::NormalizeFuncOptions().dim(1));
}

}  // namespace

torch::Tensor no_negatives_of_texts(const std::vector<std::int64_t>& users, const std::vector<std::int32_t>& per_sample,
                                    const std::vector<std::vector<std::int64_t>>& texts) {
    const auto sample = sample_of_text(per_sample);
    const auto user = torch::tensor(users, torch::kLong);
    auto result = user.index_select(0, sample).unsqueeze(1).eq(user.unsqueeze(0));
    std::unordered_map<std::int64_t, std::vector<std::int64_t>> samples_with;
    for (std::size_t s = 0; s < texts.size(); ++s)
        for (const std::int64_t key : texts[s]) samples_with[key].push_back(static_cast<std::int64_t>(s));
    auto excluded = result.accessor<bool, 2>();
    std::int64_t row = 0;
    for (const auto& keys : texts)
        for (const std::int64_t key : keys) {
            for (const std::int64_t s : samples_with.at(key)) excluded[row][s] = true;
            ++row;
        }
    return result.scatter_(1, sample.unsqueeze(1), false);
}

ContrastiveLoss leave_one_out_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample,
                                   const torch::Tensor& excluded, double temperature, double margin) {
    const auto sample = sample_of_text(per_sample);
    const torch::AutoGradMode with_gradients(true);
    const auto leaf = vectors.detach().to(torch::kDouble).requires_grad_(true);
    // Scaling to length 1 makes a sum as good as a mean.
    const auto sums = torch::zeros({std::ssize(per_sample), leaf.size(1)}, torch::kDouble).index_add(0, sample, leaf);
    const auto anchors = unit(leaf);
    const auto own = (anchors * unit(sums.index_select(0, sample) - leaf)).sum(1, true);  // [N, 1]
    const auto others = torch::matmul(anchors, unit(sums).t());                           // [N, B]
    const auto none = excluded | others.detach().gt(own.detach() + margin);
    const auto place = sample.unsqueeze(1);
    const auto scores = others.masked_fill(none, -std::numeric_limits<double>::infinity()).scatter(1, place, own) / temperature;
    const auto loss = torch::cross_entropy_loss(scores, sample);
    const auto gradient = torch::autograd::grad({loss}, {leaf})[0];
    return {loss.item<double>(), gradient.to(torch::kFloat)};
}

LeftOutLoss left_out_loss(const torch::Tensor& vectors, const torch::Tensor& parts, const std::vector<std::int64_t>& users,
                          const std::vector<std::int32_t>& per_sample, const std::vector<std::vector<std::int64_t>>& texts,
                          double temperature) {
    std::vector<std::int64_t> firsts, keys;  // the text that each part is of, and all keys [N]
    std::int64_t place = 0;
    for (const std::int32_t count : per_sample) firsts.push_back(std::exchange(place, place + count));
    for (const auto& of_sample : texts) keys.insert(keys.end(), of_sample.begin(), of_sample.end());
    const auto target = torch::tensor(firsts, torch::kLong);
    const torch::AutoGradMode with_gradients(true);
    const auto wholes = vectors.detach().to(torch::kDouble).requires_grad_(true), leaf = parts.detach().to(torch::kDouble).requires_grad_(true);
    auto scores = torch::matmul(unit(leaf), unit(wholes).t()) / temperature;
    const auto sample = sample_of_text(per_sample), user = torch::tensor(users, torch::kLong).index_select(0, sample);
    const auto equal_to_targets = [&](const torch::Tensor& of_texts) {
        return of_texts.index_select(0, target).unsqueeze(1).eq(of_texts.unsqueeze(0));
    };
    auto none = equal_to_targets(user) & equal_to_targets(sample).logical_not();
    if (!keys.empty()) none |= equal_to_targets(torch::tensor(keys, torch::kLong));
    scores = scores.masked_fill(none.scatter_(1, target.unsqueeze(1), false), -std::numeric_limits<double>::infinity());
    const auto loss = torch::cross_entropy_loss(scores, target);
    const auto gradients = torch::autograd::grad({loss}, {wholes, leaf});
    return {loss.item<double>(), gradients[0].to(torch::kFloat), gradients[1].to(torch::kFloat)};
}

}  // namespace kohort::train

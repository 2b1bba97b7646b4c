#include "train/leave_one_out_loss.h"

#include <limits>
#include <memory>
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

Exclusion no_negatives_of_texts(const std::vector<std::int64_t>& users, const std::vector<std::int32_t>& per_sample,
                                const std::vector<std::vector<std::int64_t>>& texts) {
    struct Known {
        torch::Tensor sample, user;
        std::vector<std::int64_t> keys;  // of each text; none: only users matter
        std::unordered_map<std::int64_t, std::vector<std::int64_t>> samples_with;
    };
    const auto known = std::make_shared<Known>(Known{sample_of_text(per_sample), torch::tensor(users, torch::kLong), {}, {}});
    for (std::size_t s = 0; s < texts.size(); ++s)
        for (const std::int64_t key : texts[s]) {
            known->keys.push_back(key);
            known->samples_with[key].push_back(static_cast<std::int64_t>(s));
        }
    return [known](std::int64_t first, std::int64_t last) {
        const auto sample = known->sample.slice(0, first, last);
        auto result = known->user.index_select(0, sample).unsqueeze(1).eq(known->user.unsqueeze(0));
        auto excluded = result.accessor<bool, 2>();
        if (!known->keys.empty())
            for (std::int64_t row = first; row < last; ++row)
                for (const std::int64_t s : known->samples_with.at(known->keys[static_cast<std::size_t>(row)])) excluded[row - first][s] = true;
        return result.scatter_(1, sample.unsqueeze(1), false);
    };
}

ContrastiveLoss leave_one_out_loss(const torch::Tensor& vectors, const std::vector<std::int32_t>& per_sample, const Exclusion& excluded,
                                   double temperature, double margin, const LossWorkers& workers) {
    const auto sample = sample_of_text(per_sample);
    const torch::AutoGradMode with_gradients(true);
    const auto leaf = vectors.detach().to(torch::kDouble).requires_grad_(true);
    // Scaling to length 1 makes a sum as good as a mean.
    const auto sums = torch::zeros({std::ssize(per_sample), leaf.size(1)}, torch::kDouble).index_add(0, sample, leaf);
    const auto anchors = unit(leaf), candidates = unit(sums);
    const auto own = (anchors * unit(sums.index_select(0, sample) - leaf)).sum(1);
    const auto told = softmax_loss(anchors.detach(), candidates.detach(), own.detach(), sample, excluded, temperature, margin, workers);
    const auto gradient = torch::autograd::grad({anchors, candidates, own}, {leaf}, {told.of_anchors, told.of_candidates, told.of_own})[0];
    return {told.loss, told.chance, gradient.to(torch::kFloat)};
}

LeftOutLoss left_out_loss(const torch::Tensor& vectors, const torch::Tensor& parts, const std::vector<std::int64_t>& users,
                          const std::vector<std::int32_t>& per_sample, const std::vector<std::vector<std::int64_t>>& texts,
                          double temperature, const LossWorkers& workers) {
    std::vector<std::int64_t> firsts, keys;  // the text that each part is of, and all keys [N]
    std::int64_t place = 0;
    for (const std::int32_t count : per_sample) firsts.push_back(std::exchange(place, place + count));
    for (const auto& of_sample : texts) keys.insert(keys.end(), of_sample.begin(), of_sample.end());
    const auto target = torch::tensor(firsts, torch::kLong);
    const auto sample = sample_of_text(per_sample), user = torch::tensor(users, torch::kLong).index_select(0, sample),
               key = torch::tensor(keys, torch::kLong);
    const Exclusion excluded = [&](std::int64_t first, std::int64_t last) {
        const auto text = target.slice(0, first, last);
        const auto equal_to_targets = [&](const torch::Tensor& of_texts) {
            return of_texts.index_select(0, text).unsqueeze(1).eq(of_texts.unsqueeze(0));
        };
        auto none = equal_to_targets(user) & equal_to_targets(sample).logical_not();
        if (key.size(0) > 0) none |= equal_to_targets(key);
        return none;
    };
    const torch::AutoGradMode with_gradients(true);
    const auto wholes = vectors.detach().to(torch::kDouble).requires_grad_(true), leaf = parts.detach().to(torch::kDouble).requires_grad_(true);
    const auto anchors = unit(leaf), candidates = unit(wholes);
    const auto own = (anchors * candidates.index_select(0, target)).sum(1);
    const auto told = softmax_loss(anchors.detach(), candidates.detach(), own.detach(), target, excluded, temperature,
                                   /*margin=*/std::numeric_limits<double>::infinity(), workers);
    const auto gradients = torch::autograd::grad({anchors, candidates, own}, {wholes, leaf}, {told.of_anchors, told.of_candidates, told.of_own});
    return {told.loss, told.chance, gradients[0].to(torch::kFloat), gradients[1].to(torch::kFloat)};
}

}  // namespace kohort::train

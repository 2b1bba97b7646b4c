#include "train/trained_model.h"

#include <algorithm>
#include <span>

#include "base/error.h"
#include "model/weights.h"

namespace kohort::train {
namespace {

// Gives out values one after another; a model asks for its tensors always in the same order.
model::TensorSource in_order(std::span<const model::Parameter> named, std::span<const torch::Tensor> values) {
    return [named, values, next = std::size_t{0}](const std::string& name, torch::IntArrayRef) mutable {
        if (next >= named.size() || named[next].name != name)
            base::fail(base::ErrorKind::internal, "a model asks for {}, which is not the next of its {} tensors", name, named.size());
        return values[next++];
    };
}

}  // namespace

TrainedModel::TrainedModel(const model::Encoder& encoder, HeadMaker make_head, const model::TensorSource& fresh_head,
                           model::Precision precision, const LoraOptions& lora, std::uint64_t seed)
    : encoder_(encoder), make_head_(std::move(make_head)),
      type_(precision == model::Precision::bf16 ? torch::kBFloat16 : torch::kFloat), lora_(lora) {
    if (lora.rank > 0) {
        targets_ = lora_targets(encoder.parameters(), lora.targets);
        for (const model::Parameter& parameter : encoder.parameters()) frozen_.push_back(parameter.value.detach().to(type_));
        for (const LoraTarget& target : targets_) {
            const auto& weight = encoder.parameters()[target.tensor].value;
            frozen_[target.tensor] = weight.detach();  // rounded together with its update only
            auto [a, b] = fresh_pair(target, weight, lora.rank, seed);
            masters_.push_back(std::move(a));
            masters_.push_back(std::move(b));
        }
    } else {
        masters_ = encoder.parameters();
    }
    first_head_ = masters_.size();
    if (const auto head = make_head_(fresh_head)) {
        const auto on_device = model::copied_weights(head->parameters(), encoder.device(), torch::kFloat);
        for (const auto& [name, value] : head->parameters()) masters_.push_back({name, on_device(name, value.sizes())});
    }
    for (std::size_t t = 0; t < masters_.size(); ++t) {
        const bool adapter = lora.rank > 0 && t < first_head_;
        working_.push_back(masters_[t].value.detach().to(adapter ? torch::kFloat : type_));
    }
}

std::shared_ptr<const AdapterWeights> TrainedModel::adapters() const {
    if (targets_.empty()) return nullptr;
    return std::make_shared<AdapterWeights>(
        AdapterWeights{lora_, targets_, {masters_.begin(), masters_.begin() + static_cast<std::ptrdiff_t>(first_head_)}});
}

void TrainedModel::refresh() {
    const torch::NoGradGuard no_grad;
    for (std::size_t t = 0; t < working_.size(); ++t)
        if (working_[t].scalar_type() != masters_[t].value.scalar_type()) working_[t].copy_(masters_[t].value);
}

void TrainedModel::merge_adapters() {
    const torch::NoGradGuard no_grad;
    const double scale = lora_.alpha / static_cast<double>(std::max<std::int64_t>(lora_.rank, 1));
    for (std::size_t i = 0; i < targets_.size(); ++i) {
        torch::Tensor weight = encoder_.parameters()[targets_[i].tensor].value;
        weight.copy_(adapted(targets_[i], weight, masters_[2 * i].value, masters_[2 * i + 1].value, scale));
    }
}

TrainedModel::Instance TrainedModel::instance(bool gradients) const {
    Instance result;
    for (const torch::Tensor& tensor : working_) result.leaves.push_back(tensor.detach().requires_grad_(gradients));
    const std::span<const model::Parameter> names(masters_);
    const std::span<const torch::Tensor> leaves(result.leaves);
    std::vector<torch::Tensor> weights = frozen_;
    const torch::AutoGradMode mode(gradients);
    const double scale = lora_.alpha / static_cast<double>(std::max<std::int64_t>(lora_.rank, 1));
    for (std::size_t i = 0; i < targets_.size(); ++i) {
        torch::Tensor& weight = weights[targets_[i].tensor];
        weight = adapted(targets_[i], weight, leaves[2 * i], leaves[2 * i + 1], scale).to(type_);
    }
    const std::vector<model::Parameter>& parameters = encoder_.parameters();
    result.encoder = encoder_.with_weights(
        in_order(parameters, targets_.empty() ? leaves.first(first_head_) : std::span<const torch::Tensor>(weights)));
    result.encoder->checkpoint_activations(checkpoints_);
    result.head = make_head_(in_order(names.subspan(first_head_), leaves.subspan(first_head_)));
    if (result.head) result.head->checkpoint_activations(checkpoints_);
    return result;
}

}  // namespace kohort::train

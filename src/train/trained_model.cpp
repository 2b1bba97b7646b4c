#include "train/trained_model.h"

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
                           model::Precision precision)
    : encoder_(encoder), make_head_(std::move(make_head)), encoder_tensors_(encoder.parameters().size()),
      masters_(encoder.parameters()) {
    if (const auto head = make_head_(fresh_head)) {
        const auto on_device = model::copied_weights(head->parameters(), encoder.device(), torch::kFloat);
        for (const auto& [name, value] : head->parameters()) masters_.push_back({name, on_device(name, value.sizes())});
    }
    for (const model::Parameter& master : masters_)
        working_.push_back(precision == model::Precision::bf16 ? master.value.detach().to(torch::kBFloat16) : master.value.detach());
}

void TrainedModel::refresh() {
    const torch::NoGradGuard no_grad;
    for (std::size_t t = 0; t < working_.size(); ++t)
        if (working_[t].scalar_type() != masters_[t].value.scalar_type()) working_[t].copy_(masters_[t].value);
}

TrainedModel::Instance TrainedModel::instance(bool gradients) const {
    Instance result;
    for (const torch::Tensor& tensor : working_) result.leaves.push_back(tensor.detach().requires_grad_(gradients));
    const std::span<const model::Parameter> names(masters_);
    const std::span<const torch::Tensor> values(result.leaves);
    result.encoder = encoder_.with_weights(in_order(names.first(encoder_tensors_), values.first(encoder_tensors_)));
    result.encoder->checkpoint_activations(checkpoints_);
    result.head = make_head_(in_order(names.subspan(encoder_tensors_), values.subspan(encoder_tensors_)));
    return result;
}

}  // namespace kohort::train

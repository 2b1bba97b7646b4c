// The weights of a training: fp32 masters that the optimizer updates, what steps compute with (the masters themselves
// or their bf16 copies), and how an encoder and a head are made of those, as often as micro-batches need one. With low-rank
// adapters the encoder's own weights stay as they are: an encoder is then made of what lora.h makes of both.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "model/device.h"
#include "model/encoder.h"
#include "model/head.h"
#include "train/lora.h"

namespace kohort::train {

class TrainedModel {
  public:
    using HeadMaker = std::function<std::unique_ptr<model::Head>(model::TensorSource)>;  // null where nothing is on top

    // Trains the encoder's own tensors (fp32), in place, and those of a head that starts with `fresh_head`; with a
    // lora.rank above 0 adapters instead of the former, which start from `seed`.
    TrainedModel(const model::Encoder& encoder, HeadMaker make_head, const model::TensorSource& fresh_head,
                 model::Precision precision, const LoraOptions& lora = {}, std::uint64_t seed = 0);

    // The encoder's (or the adapters' A and B in turn), then the head's. Gradients and the optimizer's state go by these places.
    const std::vector<model::Parameter>& masters() const { return masters_; }
    std::vector<model::Parameter> head_masters() const {
        return {masters_.begin() + static_cast<std::ptrdiff_t>(first_head_), masters_.end()};
    }
    std::shared_ptr<const AdapterWeights> adapters() const;  // null without

    const std::vector<model::Parameter>& encoder_parameters() const { return encoder_.parameters(); }

    // Makes the working weights follow the masters.
    void refresh();

    // Adds what adapters have learned to the encoder's own tensors, once training is over.
    void merge_adapters();

    // An encoder and a head over leaves of their own, which share the working weights' storage.
    struct Instance {
        std::vector<torch::Tensor> leaves;  // [masters]
        std::unique_ptr<model::Encoder> encoder;
        std::unique_ptr<model::Head> head;  // null where nothing is on top
    };
    Instance instance(bool gradients) const;

    // Whether instances compute activations again in the backward pass (model::CheckpointedModel).
    void checkpoint_activations(bool on) { checkpoints_ = on; }

    model::EncoderSizes sizes() const { return encoder_.sizes(); }
    torch::Device device() const { return encoder_.device(); }

  private:
    const model::Encoder& encoder_;
    HeadMaker make_head_;
    torch::ScalarType type_;  // that steps compute in
    LoraOptions lora_;
    std::vector<LoraTarget> targets_;     // none without adapters
    std::vector<torch::Tensor> frozen_;   // [the encoder's] as steps compute with them, where there are adapters
    std::size_t first_head_ = 0;          // among the masters
    std::vector<model::Parameter> masters_;
    std::vector<torch::Tensor> working_;  // [masters]
    bool checkpoints_ = false;
};

}  // namespace kohort::train

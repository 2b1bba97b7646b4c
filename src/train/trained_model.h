// The weights of a training: fp32 masters that the optimizer updates, what steps compute with (the masters themselves
// or their bf16 copies), and how an encoder and a head are made of those, as often as micro-batches need one.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "model/device.h"
#include "model/encoder.h"
#include "model/head.h"

namespace kohort::train {

class TrainedModel {
  public:
    using HeadMaker = std::function<std::unique_ptr<model::Head>(model::TensorSource)>;  // null where nothing is on top

    // Trains the encoder's own tensors (fp32), in place, and those of a head that starts with `fresh_head`.
    TrainedModel(const model::Encoder& encoder, HeadMaker make_head, const model::TensorSource& fresh_head,
                 model::Precision precision);

    // The encoder's, then the head's. Gradients and the optimizer's state go by these places.
    const std::vector<model::Parameter>& masters() const { return masters_; }
    std::vector<model::Parameter> head_masters() const {
        return {masters_.begin() + static_cast<std::ptrdiff_t>(encoder_tensors_), masters_.end()};
    }

    std::span<const model::Parameter> encoder_masters() const { return std::span(masters_).first(encoder_tensors_); }

    // Makes the working weights follow the masters.
    void refresh();

    // An encoder and a head over leaves of their own, which share the working weights' storage.
    struct Instance {
        std::vector<torch::Tensor> leaves;  // [masters]
        std::unique_ptr<model::Encoder> encoder;
        std::unique_ptr<model::Head> head;  // null where nothing is on top
    };
    Instance instance(bool gradients) const;

    // Whether instances compute activations again in the backward pass (model::Encoder::checkpoint_activations).
    void checkpoint_activations(bool on) { checkpoints_ = on; }

    model::EncoderSizes sizes() const { return encoder_.sizes(); }
    torch::Device device() const { return encoder_.device(); }

  private:
    const model::Encoder& encoder_;
    HeadMaker make_head_;
    std::size_t encoder_tensors_;
    std::vector<model::Parameter> masters_;
    std::vector<torch::Tensor> working_;
    bool checkpoints_ = false;
};

}  // namespace kohort::train

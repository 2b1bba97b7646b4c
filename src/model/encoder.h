// What the encoders have in common: sequences of token ids in, one vector a token out.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/checkpointed.h"
#include "model/dropout.h"
#include "model/layers.h"
#include "model/token_batch.h"

namespace kohort::model {

struct EncoderSizes {
    std::int64_t hidden;      // of a token's vector
    std::int64_t vocabulary;  // token ids are below it
    std::int64_t longest;     // sequence, in tokens
    std::int64_t padding;     // a token id that fills batches
    std::int64_t layers;
};

class Encoder : public CheckpointedModel {
  public:
    virtual ~Encoder() = default;

    // The last hidden state [B, T, hidden]; rows behind a sequence's length are 0. Thread-safe: micro-batches may run
    // side by side, with or without gradients.
    virtual torch::Tensor forward(const TokenBatch& batch, DropoutSource* dropout = nullptr) const = 0;

    virtual EncoderSizes sizes() const = 0;
    virtual torch::Device device() const = 0;
    // An own copy for encoding alone, on a device and in a type (fp32 or bf16): weights are laid out anew, and parameters()
    // is empty.
    virtual std::unique_ptr<Encoder> copy(torch::Device device, torch::ScalarType type) const = 0;
    // An encoder of the same configuration over other tensors, asked for by the names and in the order of parameters().
    virtual std::unique_ptr<Encoder> with_weights(TensorSource source) const = 0;

    virtual const torch::Tensor& word_embeddings() const = 0;  // [vocabulary, hidden]
    // What a folder of this encoder holds: its weights by Hugging Face's names, in the training order, and the text of a
    // config.json with which transformers makes the same encoder of them. Equal configurations give equal text.
    virtual const std::vector<Parameter>& parameters() const = 0;
    virtual std::string config_json() const = 0;
};

}  // namespace kohort::model

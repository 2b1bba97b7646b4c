// T5's encoder (Raffel et al. 2020; with a gated feed-forward layer it is that of T5 v1.1 and mT5) as Hugging Face's
// T5EncoderModel computes it.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/encoder.h"
#include "model/layers.h"
#include "model/t5_config.h"
#include "model/t5_parts.h"

namespace kohort::model {

class T5Encoder : public Encoder {
  public:
    // The source gives each tensor by its Hugging Face name and shape; see weights.h.
    T5Encoder(T5Config config, TensorSource source);

    torch::Tensor forward(const TokenBatch& batch, DropoutSource* dropout = nullptr) const override;
    EncoderSizes sizes() const override;
    const T5Config& config() const { return config_; }
    torch::Device device() const override { return token_embeddings_.device(); }
    std::unique_ptr<Encoder> copy(torch::Device device, torch::ScalarType type) const override;
    std::unique_ptr<Encoder> with_weights(TensorSource source) const override;
    const torch::Tensor& word_embeddings() const override { return token_embeddings_; }
    const std::vector<Parameter>& parameters() const override { return parameters_; }
    std::string config_json() const override { return to_json(config_); }

  private:
    struct Block {
        Linear query, key, value, attention_output;  // without biases, as all here
        Linear projections;                          // of query, key and value, one below the other, in an encoder that only encodes
        T5Norm attention_norm, feed_forward_norm;
        T5FeedForward feed_forward;
    };
    static Linear joined_projections(const Block& block);
    bool attends_by_rows() const;  // in an encoder that only encodes: `bias` below is by distance then
    torch::Tensor run_block(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                            DropoutSource* dropout) const;
    torch::Tensor attention(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                            DropoutSource* dropout) const;

    T5Config config_;
    std::vector<Parameter> parameters_;
    torch::Tensor token_embeddings_, relative_attention_;  // relative_attention_: [buckets, heads], of all blocks
    std::vector<Block> blocks_;
    T5Norm final_norm_;
};

}  // namespace kohort::model

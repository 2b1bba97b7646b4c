// T5's encoder (Raffel et al. 2020; with a gated feed-forward layer it is that of T5 v1.1 and mT5) as Hugging Face's
// T5EncoderModel computes it. The whole model is in this file pair.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/encoder.h"
#include "model/layers.h"

namespace kohort::model {

// The names and defaults are Hugging Face's; mT5 has defaults of its own, see parse_t5_config().
struct T5Config {
    std::string model_type = "t5";  // or "mt5"
    std::int64_t vocab_size = 32128;
    std::int64_t d_model = 512;
    std::int64_t d_kv = 64;  // of a head; heads need not make up d_model
    std::int64_t d_ff = 2048;
    std::int64_t num_layers = 6;
    std::int64_t num_heads = 8;
    std::int64_t relative_attention_num_buckets = 32;
    std::int64_t relative_attention_max_distance = 128;
    std::int64_t pad_token_id = 0;
    bool gated = false;  // feed_forward_proj: "relu" or "gated-gelu"
    double layer_norm_epsilon = 1e-6;
};

// From the text of a config.json; `where` names it in messages. Error(usage) for a feed-forward layer of another kind,
// and for numbers that make no model.
T5Config parse_t5_config(std::string_view json, const std::string& where);

// The text of a config.json that `transformers` loads as T5EncoderModel (MT5EncoderModel).
std::string to_json(const T5Config& config);

class T5Encoder : public Encoder {
  public:
    // The source gives each tensor by its Hugging Face name and shape; see weights.h.
    T5Encoder(T5Config config, TensorSource source);

    torch::Tensor forward(const TokenBatch& batch, DropoutSource* dropout = nullptr) const override;
    EncoderSizes sizes() const override;
    torch::Device device() const override { return token_embeddings_.device(); }
    std::unique_ptr<Encoder> copy(torch::Device device, torch::ScalarType type) const override;
    std::unique_ptr<Encoder> with_weights(TensorSource source) const override;
    const torch::Tensor& word_embeddings() const override { return token_embeddings_; }
    const std::vector<Parameter>& parameters() const override { return parameters_; }
    std::string config_json() const override { return to_json(config_); }

  private:
    // Scales to a root mean square of one; no mean is taken off (Zhang and Sennrich 2019).
    struct RootMeanSquareNorm {
        torch::Tensor weight;
        double epsilon = 1e-6;
        torch::Tensor operator()(const torch::Tensor& x) const;
    };
    struct Block {
        Linear query, key, value, attention_output;  // without biases, as all here
        Linear projections;                          // of query, key and value, one below the other, where weights stay as they are
        RootMeanSquareNorm attention_norm, feed_forward_norm;
        Linear intermediate, gate, output;  // gate: empty where the layer has none
    };
    static Linear joined_projections(const Block& block);
    torch::Tensor position_bias(std::int64_t longest) const;
    torch::Tensor run_block(const Block& block, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias) const;
    torch::Tensor attention(const Block& block, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias) const;
    torch::Tensor feed_forward_inner(const Block& block, const torch::Tensor& x) const;

    T5Config config_;
    std::vector<Parameter> parameters_;
    torch::Tensor token_embeddings_, relative_attention_;  // relative_attention_: [buckets, heads], of all blocks
    std::vector<Block> blocks_;
    RootMeanSquareNorm final_norm_;
};

}  // namespace kohort::model

// GPT-2's blocks (Radford et al. 2019) as Hugging Face's GPT2Model computes them: every token sees those before it and
// itself. The whole model is in this file pair.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/encoder.h"
#include "model/layers.h"

namespace kohort::model {

// The names and defaults are Hugging Face's.
struct Gpt2Config {
    std::int64_t vocab_size = 50257;
    std::int64_t n_positions = 1024;
    std::int64_t n_embd = 768;
    std::int64_t n_layer = 12;
    std::int64_t n_head = 12;
    std::int64_t n_inner = 0;  // of the feed-forward layers; 0: four times n_embd
    Activation activation_function = Activation::gelu_tanh;
    double layer_norm_epsilon = 1e-5;
};

// From the text of a config.json; `where` names it in messages. Error(usage) for options that would change the
// computation and are not implemented, and for numbers that make no model.
Gpt2Config parse_gpt2_config(std::string_view json, const std::string& where);

// The text of a config.json that `transformers` loads as GPT2Model.
std::string to_json(const Gpt2Config& config);

// Fresh weights as the paper has them (section 2.3; Hugging Face's numbers): N(0, 0.02), what is added to the residual
// stream smaller by the root of the number of additions; biases 0, norms 1 and 0. See weights.h for what they follow from.
TensorSource random_weights(const Gpt2Config& config, std::uint64_t seed);

class Gpt2 : public Encoder {
  public:
    // The source gives each tensor by its Hugging Face name (without "transformer.") and shape; see weights.h.
    Gpt2(Gpt2Config config, TensorSource source);

    torch::Tensor forward(const TokenBatch& batch, DropoutSource* dropout = nullptr) const override;
    EncoderSizes sizes() const override {
        return {config_.n_embd, config_.vocab_size, config_.n_positions, 0, config_.n_layer};
    }
    const Gpt2Config& config() const { return config_; }
    torch::Device device() const override { return token_embeddings_.device(); }
    std::unique_ptr<Encoder> copy(torch::Device device, torch::ScalarType type) const override;
    std::unique_ptr<Encoder> with_weights(TensorSource source) const override;
    const torch::Tensor& word_embeddings() const override { return token_embeddings_; }
    const std::vector<Parameter>& parameters() const override { return parameters_; }
    std::string config_json() const override { return to_json(config_); }

  private:
    struct Block {
        LayerNorm attention_norm, feed_forward_norm;
        Linear attention_input, attention_output, intermediate, output;
    };
    torch::Tensor run_block(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                            DropoutSource* dropout) const;
    static bool attends_by_rows(const Block& block);
    torch::Tensor attention(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                            DropoutSource* dropout) const;

    Gpt2Config config_;
    std::vector<Parameter> parameters_;
    torch::Tensor token_embeddings_, position_embeddings_;
    std::vector<Block> blocks_;
    LayerNorm final_norm_;
};

}  // namespace kohort::model

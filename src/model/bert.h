// BERT's encoder (Devlin et al. 2019; the layer is Vaswani et al. 2017, section 3) as Hugging Face's BertModel
// computes it, without the pooler: tokens in, one vector a token out. RoBERTa (Liu et al. 2019) and XLM-RoBERTa are the
// same but for the numbers of the positions. The whole model is in this file pair.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "model/encoder.h"
#include "model/layers.h"
#include "model/model_config.h"

namespace kohort::model {

class Bert : public Encoder {
  public:
    // The source gives each tensor by its Hugging Face name (without "bert." or "roberta.") and shape; see weights.h.
    Bert(ModelConfig config, TensorSource source);

    torch::Tensor forward(const TokenBatch& batch, DropoutSource* dropout = nullptr) const override;
    EncoderSizes sizes() const override {
        return {config_.hidden_size, config_.vocab_size, config_.longest_sequence(), config_.pad_token_id, config_.num_hidden_layers};
    }
    std::unique_ptr<Encoder> copy(torch::Device device, torch::ScalarType type) const override;
    std::unique_ptr<Encoder> with_weights(TensorSource source) const override;

    const ModelConfig& config() const { return config_; }
    const std::vector<Parameter>& parameters() const override { return parameters_; }
    std::string config_json() const override { return to_json(config_); }
    const torch::Tensor& word_embeddings() const override { return word_embeddings_; }
    torch::Device device() const override { return word_embeddings_.device(); }

  private:
    struct Layer {
        Linear query, key, value, attention_output;
        Linear projections;  // of all three, one below the other, in an encoder that only encodes
        LayerNorm attention_norm;
        Linear intermediate, output;
        LayerNorm output_norm;
    };

    static Linear joined_projections(const Layer& layer);
    void pack();  // for encoding alone: parameters() is empty then
    torch::Tensor positions(const TokenBatch& batch) const;
    torch::Tensor embed(const TokenBatch& batch, const Packing& packing, DropoutSource* dropout) const;
    torch::Tensor run_layer(int index, const torch::Tensor& x, const Packing& packing, DropoutSource* dropout) const;
    torch::Tensor attention(int index, const torch::Tensor& x, const Packing& packing, DropoutSource* dropout) const;

    ModelConfig config_;
    std::vector<Parameter> parameters_;
    torch::Tensor word_embeddings_, position_embeddings_, type_embeddings_;
    LayerNorm embedding_norm_;
    std::vector<Layer> layers_;
};

}  // namespace kohort::model

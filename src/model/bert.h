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

// Places in the model where training drops values. Numbers are part of the random streams' keys: fixed for ever.
enum class DropoutSite : int {
    embeddings = 0,  // the sum of the embeddings, layer -1
    attention = 1,   // the attention probabilities
    attention_output = 2,
    feed_forward_output = 3
};

// Where dropout masks come from. LibTorch's own random numbers depend on threads and call order, so the caller makes
// the masks. No source means no dropout: inference.
class DropoutSource {
  public:
    virtual ~DropoutSource() = default;
    // A tensor of `shape` whose elements are 0 with probability `rate` and 1 / (1 - rate) otherwise; its first
    // dimension counts the batch's sequences. Shapes: [B, T, H], for `attention` [B, heads, T, T].
    virtual torch::Tensor scaled_mask(int layer, DropoutSite site, double rate, torch::IntArrayRef shape) = 0;
};

class Bert : public Encoder {
  public:
    // The source gives each tensor by its Hugging Face name (without "bert." or "roberta.") and shape; see weights.h.
    Bert(ModelConfig config, TensorSource source);

    // The last hidden state [B, T, H]; rows behind a sequence's length are 0. Thread-safe: micro-batches may run
    // side by side, with or without gradients.
    torch::Tensor forward(const TokenBatch& batch, DropoutSource* dropout = nullptr) const;

    torch::Tensor encode(const TokenBatch& batch) const override { return forward(batch); }
    EncoderSizes sizes() const override {
        return {config_.hidden_size, config_.vocab_size, config_.longest_sequence(), config_.pad_token_id};
    }
    std::unique_ptr<Encoder> copy(torch::Device device, torch::ScalarType type) const override;

    const ModelConfig& config() const { return config_; }
    const std::vector<Parameter>& parameters() const override { return parameters_; }  // in the training order
    std::string config_json() const override { return to_json(config_); }
    const torch::Tensor& word_embeddings() const { return word_embeddings_; }  // [vocabulary, H]: the MLM head's decoder
    torch::Device device() const override { return word_embeddings_.device(); }

    // An own copy without gradients, on a device and in a type (fp32 or bf16).
    Bert copy_to(torch::Device device, torch::ScalarType type) const;

  private:
    struct Layer {
        Linear query, key, value, attention_output;
        Linear projections;  // of all three, one below the other, where weights stay as they are
        LayerNorm attention_norm;
        Linear intermediate, output;
        LayerNorm output_norm;
    };

    static Linear joined_projections(const Layer& layer);
    void pack();  // for encoding alone: parameters() is empty then
    torch::Tensor positions(const TokenBatch& batch) const;
    torch::Tensor embed(const TokenBatch& batch, const Packing& packing, DropoutSource* dropout) const;
    torch::Tensor attention(int index, const torch::Tensor& x, const Packing& packing, DropoutSource* dropout) const;

    ModelConfig config_;
    std::vector<Parameter> parameters_;
    torch::Tensor word_embeddings_, position_embeddings_, type_embeddings_;
    LayerNorm embedding_norm_;
    std::vector<Layer> layers_;
};

}  // namespace kohort::model

// T5's decoder (Raffel et al. 2020, section 2.1; Vaswani et al. 2017, section 3.1) with the scores it gives to every word of
// the vocabulary, as Hugging Face's T5ForConditionalGeneration and MT5ForConditionalGeneration compute them. It serves
// training alone: there is no generation here.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/head.h"
#include "model/t5_config.h"
#include "model/t5_parts.h"
#include "model/token_batch.h"

namespace kohort::model {

class T5Decoder : public Head {
  public:
    // Tensor names are Hugging Face's: decoder.…, and lm_head.weight where the scores have weights of their own.
    // Error(usage) for numbers that make no decoder.
    T5Decoder(T5Config config, TensorSource source);

    // The decoder's last hidden states for the real tokens of `inputs` [N, d_model], sequence after sequence: each token sees
    // those before it, itself, and all tokens of its own row of `source`, whose encoder's output is `encoded`
    // [B, S, d_model]. word_embeddings: the encoder's.
    torch::Tensor forward(const TokenBatch& inputs, const TokenBatch& source, const torch::Tensor& encoded,
                          const torch::Tensor& word_embeddings, DropoutSource* dropout = nullptr) const;

    // hidden [N, d_model] -> a score for every word [N, vocabulary].
    torch::Tensor scores(const torch::Tensor& hidden, const torch::Tensor& word_embeddings) const;

    const std::vector<Parameter>& parameters() const override { return parameters_; }

  private:
    struct Attention {
        Linear query, key, value, output;
        T5Norm norm;
    };
    struct Block {
        Attention self, cross;
        T5FeedForward feed_forward;
        T5Norm feed_forward_norm;
    };
    Attention make_attention(ParameterList& list, const std::string& layer, const char* kind, bool with_bias);
    // x [N, d_model] -> [N, d_model]; bias as self_attention takes it, encoded as cross_attention does.
    torch::Tensor run_block(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                            const Packing& source, const torch::Tensor& encoded, DropoutSource* dropout) const;
    torch::Tensor self_attention(int index, const torch::Tensor& x, const Packing& packing, const torch::Tensor& bias,
                                 DropoutSource* dropout) const;
    torch::Tensor cross_attention(int index, const torch::Tensor& x, const Packing& packing, const Packing& source,
                                  const torch::Tensor& encoded, DropoutSource* dropout) const;

    T5Config config_;
    std::vector<Parameter> parameters_;
    torch::Tensor relative_attention_, own_scores_;  // own_scores_: undefined where the word embeddings serve
    std::vector<Block> blocks_;
    T5Norm final_norm_;
};

}  // namespace kohort::model

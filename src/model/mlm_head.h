// The head of masked language modelling (Devlin et al. 2019, section 3.1): from a token's vector to a score for
// every word of the vocabulary. Its decoder is the word embedding itself, so only a bias is added for it.
#pragma once

#include "model/head.h"

namespace kohort::model {

class MlmHead : public Head {
  public:
    // Tensor names: cls.predictions.…, as in Hugging Face's BertForMaskedLM, or lm_head.…, as in RobertaForMaskedLM and
    // XLMRobertaForMaskedLM.
    MlmHead(const ModelConfig& config, TensorSource source);

    // hidden [N, H] (of the masked tokens only, as their scores are wide) -> logits [N, vocabulary].
    torch::Tensor forward(const torch::Tensor& hidden, const torch::Tensor& word_embeddings) const;

    const std::vector<Parameter>& parameters() const override { return parameters_; }

  private:
    Activation activation_;
    Linear transform_;
    LayerNorm norm_;
    torch::Tensor bias_;
    std::vector<Parameter> parameters_;
};

}  // namespace kohort::model

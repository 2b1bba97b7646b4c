#include "model/mlm_head.h"

namespace kohort::model {

MlmHead::MlmHead(const ModelConfig& config, TensorSource source) {
    const bool bert = config.model_type == "bert";
    activation_ = bert ? config.hidden_act : Activation::gelu;  // RoBERTa's head has its own, whatever the encoder's is
    ParameterList list(std::move(source));
    const std::int64_t size = config.hidden_size;
    transform_ = Linear(list, bert ? "cls.predictions.transform.dense" : "lm_head.dense", size, size);
    norm_ = LayerNorm(list, bert ? "cls.predictions.transform.LayerNorm" : "lm_head.layer_norm", size, config.layer_norm_eps);
    bias_ = list.add(bert ? "cls.predictions.bias" : "lm_head.bias", {config.vocab_size});
    parameters_ = list.take();
}

torch::Tensor MlmHead::forward(const torch::Tensor& hidden, const torch::Tensor& word_embeddings) const {
    return training_linear(norm_(activate(activation_, transform_(hidden))), word_embeddings, bias_);
}

}  // namespace kohort::model

#include "model/mlm_head.h"

namespace kohort::model {

MlmHead::MlmHead(const ModelConfig& config, TensorSource source) : activation_(config.hidden_act) {
    ParameterList list(std::move(source));
    const std::int64_t size = config.hidden_size;
    transform_ = Linear(list, "cls.predictions.transform.dense", size, size);
    norm_ = LayerNorm(list, "cls.predictions.transform.LayerNorm", size, config.layer_norm_eps);
    bias_ = list.add("cls.predictions.bias", {config.vocab_size});
    parameters_ = list.take();
}

torch::Tensor MlmHead::forward(const torch::Tensor& hidden, const torch::Tensor& word_embeddings) const {
    return training_linear(norm_(activate(activation_, transform_(hidden))), word_embeddings, bias_);
}

}  // namespace kohort::model

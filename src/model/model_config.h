// What a model is made of, as Hugging Face's config.json says it; the names and defaults are theirs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "model/activation.h"

namespace kohort::model {

struct ModelConfig {
    std::string model_type = "bert";  // or "roberta", "xlm-roberta"
    std::int64_t vocab_size = 30522;
    std::int64_t hidden_size = 768;
    std::int64_t num_hidden_layers = 12;
    std::int64_t num_attention_heads = 12;
    std::int64_t intermediate_size = 3072;
    std::int64_t max_position_embeddings = 512;
    std::int64_t type_vocab_size = 2;
    std::int64_t pad_token_id = 0;
    Activation hidden_act = Activation::gelu;
    double hidden_dropout_prob = 0.1;
    double attention_probs_dropout_prob = 0.1;
    double initializer_range = 0.02;
    double layer_norm_eps = 1e-12;

    bool operator==(const ModelConfig&) const = default;

    // RoBERTa's first position is the one behind the padding token's id; those up to it hold no token.
    bool positions_follow_padding() const { return model_type != "bert"; }
    std::int64_t longest_sequence() const {
        return max_position_embeddings - (positions_follow_padding() ? pad_token_id + 1 : 0);
    }

    // Throws Error(usage) where the numbers do not make a model (heads that do not divide the hidden size, …).
    void check() const;
};

// From the text of a config.json; `where` names it in messages. Error(usage) for a model type that is not of BERT's
// kind, for an option that would change the computation and is not implemented, and for values of the wrong type.
ModelConfig parse_model_config(std::string_view json, const std::string& where);
ModelConfig read_model_config(const std::filesystem::path& path);

// The text of a config.json that `transformers` loads as BertModel (RobertaModel, XLMRobertaModel); equal
// configurations give equal text.
std::string to_json(const ModelConfig& config);

}  // namespace kohort::model

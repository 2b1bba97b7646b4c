// A model small enough to be trained within a test, for the letters of corpus_fixture.h.
#pragma once

#include "model/model_config.h"

namespace kohort::train {

inline model::ModelConfig small_config(std::int64_t layers) {
    model::ModelConfig config;
    config.vocab_size = 31;
    config.hidden_size = 16;
    config.num_hidden_layers = layers;
    config.num_attention_heads = 2;
    config.intermediate_size = 24;
    config.max_position_embeddings = 16;
    return config;
}

}  // namespace kohort::train

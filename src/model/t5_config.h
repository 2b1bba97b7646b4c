// What a T5 is made of, as Hugging Face's config.json says it: its encoder and its decoder (Raffel et al. 2020, section 2.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

    // of the decoder
    std::int64_t num_decoder_layers = 6;
    std::int64_t decoder_start_token_id = 0;  // what stands before every target
    std::int64_t eos_token_id = 1;
    bool tie_word_embeddings = true;  // the scores' weights are the embeddings
};

// From the text of a config.json; `where` names it in messages. Error(usage) for a feed-forward layer of another kind,
// and for numbers that make no model. What belongs to the decoder is checked where one is made.
T5Config parse_t5_config(std::string_view json, const std::string& where);

// The text of a config.json that `transformers` loads as T5EncoderModel (MT5EncoderModel).
std::string to_json(const T5Config& config);

// Fresh weights of the encoder and the decoder as Hugging Face's T5 starts: embeddings N(0, 1), others N(0, 1 / inputs), the
// queries' smaller by the root of d_kv as T5 does not scale scores; norms 1. See weights.h for what they follow from.
TensorSource random_weights(const T5Config& config, std::uint64_t seed);

}  // namespace kohort::model

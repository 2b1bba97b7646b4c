#include "model/t5_config.h"

#include <cmath>

#include "base/error.h"
#include "model/config_fields.h"
#include "model/weights.h"

namespace kohort::model {

T5Config parse_t5_config(std::string_view json, const std::string& where) {
    const Json root = parse_config(json, where);
    const ConfigFields fields(root, where);
    T5Config config;
    fields.read("model_type", config.model_type);
    std::string feed_forward = "relu";
    if (config.model_type == "mt5") {  // MT5Config's defaults
        config.vocab_size = 250112;
        config.d_ff = 1024;
        config.num_layers = 8;
        config.num_heads = 6;
        feed_forward = "gated-gelu";
        config.tie_word_embeddings = false;
    }
    fields.read("vocab_size", config.vocab_size);
    fields.read("d_model", config.d_model);
    fields.read("d_kv", config.d_kv);
    fields.read("d_ff", config.d_ff);
    fields.read("num_layers", config.num_layers);
    fields.read("num_heads", config.num_heads);
    fields.read("relative_attention_num_buckets", config.relative_attention_num_buckets);
    fields.read("relative_attention_max_distance", config.relative_attention_max_distance);
    fields.read("pad_token_id", config.pad_token_id);
    fields.read("layer_norm_epsilon", config.layer_norm_epsilon);
    fields.read("feed_forward_proj", feed_forward);
    config.num_decoder_layers = config.num_layers;
    config.decoder_start_token_id = config.pad_token_id;
    fields.read("num_decoder_layers", config.num_decoder_layers);
    fields.read("decoder_start_token_id", config.decoder_start_token_id);
    fields.read("eos_token_id", config.eos_token_id);
    fields.read("tie_word_embeddings", config.tie_word_embeddings);
    config.gated = feed_forward == "gated-gelu";
    if (!config.gated && feed_forward != "relu")
        base::fail(base::ErrorKind::usage, "{}: feed_forward_proj \"{}\" is not known; relu and gated-gelu are", where, feed_forward);
    fields.require_sizes({{"vocab_size", config.vocab_size}, {"d_model", config.d_model}, {"d_kv", config.d_kv}, {"d_ff", config.d_ff},
                          {"num_heads", config.num_heads}});
    fields.require_layers("num_layers", config.num_layers);
    // Half of the buckets look back, and half of those hold single distances.
    if (config.relative_attention_num_buckets < 4 || config.relative_attention_num_buckets % 2 != 0 ||
        config.relative_attention_max_distance <= config.relative_attention_num_buckets / 4)
        base::fail(base::ErrorKind::usage, "{}: {} buckets for distances up to {} cannot be", where, config.relative_attention_num_buckets,
                   config.relative_attention_max_distance);
    if (config.pad_token_id < 0 || config.pad_token_id >= config.vocab_size)
        base::fail(base::ErrorKind::usage, "{}: pad_token_id = {} is not in the vocabulary of {}", where, config.pad_token_id, config.vocab_size);
    if (!(config.layer_norm_epsilon > 0))
        base::fail(base::ErrorKind::usage, "{}: layer_norm_epsilon must be positive, not {}", where, config.layer_norm_epsilon);
    return config;
}

std::string to_json(const T5Config& config) {
    Json json;
    json["architectures"] = {config.model_type == "mt5" ? "MT5EncoderModel" : "T5EncoderModel"};
    json["d_ff"] = config.d_ff;
    json["d_kv"] = config.d_kv;
    json["d_model"] = config.d_model;
    json["feed_forward_proj"] = config.gated ? "gated-gelu" : "relu";
    json["layer_norm_epsilon"] = config.layer_norm_epsilon;
    json["model_type"] = config.model_type;
    json["num_heads"] = config.num_heads;
    json["num_layers"] = config.num_layers;
    json["pad_token_id"] = config.pad_token_id;
    json["relative_attention_max_distance"] = config.relative_attention_max_distance;
    json["relative_attention_num_buckets"] = config.relative_attention_num_buckets;
    json["torch_dtype"] = "float32";
    json["vocab_size"] = config.vocab_size;
    return json.dump(2) + "\n";
}

TensorSource random_weights(const T5Config& config, std::uint64_t seed) {
    return [=](const std::string& name, torch::IntArrayRef shape) {
        if (shape.size() == 1) return torch::ones(shape);
        double variance = 1;
        if (name.ends_with("relative_attention_bias.weight")) variance = 1.0 / static_cast<double>(config.d_model);
        else if (name != "shared.weight" && name != "lm_head.weight") variance = 1.0 / static_cast<double>(shape[1]);
        if (name.ends_with("Attention.q.weight")) variance /= static_cast<double>(config.d_kv);
        return normal_tensor(seed, name, shape, std::sqrt(variance));
    };
}

}  // namespace kohort::model

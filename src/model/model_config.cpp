#include "model/model_config.h"

#include <algorithm>
#include <array>

#include "base/atomic_file.h"
#include "base/error.h"
#include "model/config_fields.h"

namespace kohort::model {
using base::ErrorKind;

void ModelConfig::check() const {
    const std::array<std::pair<const char*, std::int64_t>, 7> sizes{{{"vocab_size", vocab_size},
                                                                     {"hidden_size", hidden_size},
                                                                     {"num_hidden_layers", num_hidden_layers},
                                                                     {"num_attention_heads", num_attention_heads},
                                                                     {"intermediate_size", intermediate_size},
                                                                     {"max_position_embeddings", max_position_embeddings},
                                                                     {"type_vocab_size", type_vocab_size}}};
    for (const auto& [name, size] : sizes)
        if (size < 1 || size > 1 << 30) base::fail(ErrorKind::usage, "a model cannot have {} = {}", name, size);
    if (num_hidden_layers > most_layers)
        base::fail(ErrorKind::usage, "a model cannot have num_hidden_layers = {}", num_hidden_layers);
    if (hidden_size % num_attention_heads != 0)
        base::fail(ErrorKind::usage, "num_attention_heads = {} does not divide hidden_size = {}", num_attention_heads, hidden_size);
    for (const double rate : {hidden_dropout_prob, attention_probs_dropout_prob})
        if (!(rate >= 0 && rate < 1)) base::fail(ErrorKind::usage, "a dropout probability must be in [0, 1), not {}", rate);
    if (!(initializer_range > 0)) base::fail(ErrorKind::usage, "initializer_range must be positive, not {}", initializer_range);
    if (!(layer_norm_eps > 0)) base::fail(ErrorKind::usage, "layer_norm_eps must be positive, not {}", layer_norm_eps);
    if (pad_token_id < 0 || pad_token_id >= vocab_size)
        base::fail(ErrorKind::usage, "pad_token_id = {} is not in the vocabulary of {}", pad_token_id, vocab_size);
    if (longest_sequence() < 1)
        base::fail(ErrorKind::usage, "max_position_embeddings = {} leaves no position behind pad_token_id = {}",
                   max_position_embeddings, pad_token_id);
}

namespace {

struct Family {
    std::string_view model_type, architecture;
    std::int64_t vocab_size, pad_token_id;  // Hugging Face's defaults, where they differ from BERT's
};
constexpr std::array<Family, 3> families{{{"bert", "BertModel", 30522, 0},
                                          {"roberta", "RobertaModel", 50265, 1},
                                          {"xlm-roberta", "XLMRobertaModel", 30522, 1}}};

// What a config.json that says nothing but its model type stands for.
ModelConfig defaults_of(const ConfigFields& fields, const std::string& where) {
    ModelConfig config;
    config.model_type.clear();
    fields.read("model_type", config.model_type);
    const auto family = std::ranges::find(families, config.model_type, &Family::model_type);
    if (family == families.end())
        base::fail(ErrorKind::usage,
                   "{}: the model type \"{}\" is not known here, where \"bert\", \"roberta\" or \"xlm-roberta\" is needed",
                   where, config.model_type);
    config.vocab_size = family->vocab_size;
    config.pad_token_id = family->pad_token_id;
    return config;
}

}  // namespace

ModelConfig parse_model_config(std::string_view json, const std::string& where) {
    const Json root = parse_config(json, where);
    const ConfigFields fields(root, where);

    ModelConfig config = defaults_of(fields, where);
    fields.demand("position_embedding_type", std::string("absolute"));
    fields.demand("is_decoder", false);
    fields.demand("add_cross_attention", false);

    fields.read("vocab_size", config.vocab_size);
    fields.read("hidden_size", config.hidden_size);
    fields.read("num_hidden_layers", config.num_hidden_layers);
    fields.read("num_attention_heads", config.num_attention_heads);
    fields.read("intermediate_size", config.intermediate_size);
    fields.read("max_position_embeddings", config.max_position_embeddings);
    fields.read("type_vocab_size", config.type_vocab_size);
    fields.read("pad_token_id", config.pad_token_id);
    fields.read("hidden_dropout_prob", config.hidden_dropout_prob);
    fields.read("attention_probs_dropout_prob", config.attention_probs_dropout_prob);
    fields.read("initializer_range", config.initializer_range);
    fields.read("layer_norm_eps", config.layer_norm_eps);
    config.hidden_act = fields.activation("hidden_act", Activation::gelu);
    config.check();
    fields.demand("head_dim", config.hidden_size / config.num_attention_heads);
    return config;
}

ModelConfig read_model_config(const std::filesystem::path& path) {
    if (!std::filesystem::is_regular_file(path))
        base::fail(ErrorKind::usage, "there is no {}; a model is a folder in Hugging Face's layout, with config.json and "
                   "model.safetensors", path.string());
    return parse_model_config(base::read_file(path), path.string());
}

std::string to_json(const ModelConfig& config) {
    Json json;
    json["architectures"] = {std::ranges::find(families, config.model_type, &Family::model_type)->architecture};
    json["attention_probs_dropout_prob"] = config.attention_probs_dropout_prob;
    json["hidden_act"] = name_of(config.hidden_act);
    json["hidden_dropout_prob"] = config.hidden_dropout_prob;
    json["hidden_size"] = config.hidden_size;
    json["initializer_range"] = config.initializer_range;
    json["intermediate_size"] = config.intermediate_size;
    json["layer_norm_eps"] = config.layer_norm_eps;
    json["max_position_embeddings"] = config.max_position_embeddings;
    json["model_type"] = config.model_type;
    json["num_attention_heads"] = config.num_attention_heads;
    json["num_hidden_layers"] = config.num_hidden_layers;
    json["pad_token_id"] = config.pad_token_id;
    json["position_embedding_type"] = "absolute";
    json["torch_dtype"] = "float32";
    json["type_vocab_size"] = config.type_vocab_size;
    json["vocab_size"] = config.vocab_size;
    return json.dump(2) + "\n";
}

}  // namespace kohort::model

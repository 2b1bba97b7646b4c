// A tiny model of each family with random weights, made from the text of its config.json, and its tensors as files.
#pragma once

#include <nlohmann/json.hpp>
#include <torch/torch.h>

#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "model/bert.h"
#include "model/gpt2.h"
#include "model/safetensors.h"
#include "model/t5.h"
#include "model/weight_files.h"

namespace kohort::model {

struct Family {
    const char *name, *json, *prefix;  // prefix: of tensors in a full checkpoint
    const char *norm;                  // a tensor of ones in a fresh model
};

inline void PrintTo(const Family& family, std::ostream* out) { *out << family.name; }

inline constexpr Family small_families[] = {
    {"bert",
     R"({"model_type": "bert", "vocab_size": 13, "hidden_size": 6, "num_hidden_layers": 2, "num_attention_heads": 3,
         "intermediate_size": 7, "max_position_embeddings": 9, "hidden_act": "relu"})",
     "bert.", "encoder.layer.1.output.LayerNorm.weight"},
    {"roberta",
     R"({"model_type": "roberta", "vocab_size": 13, "hidden_size": 6, "num_hidden_layers": 2, "num_attention_heads": 3,
         "intermediate_size": 7, "max_position_embeddings": 11, "type_vocab_size": 1, "layer_norm_eps": 1e-5})",
     "roberta.", "encoder.layer.1.output.LayerNorm.weight"},
    {"xlm_roberta",
     R"({"model_type": "xlm-roberta", "vocab_size": 13, "hidden_size": 6, "num_hidden_layers": 1, "num_attention_heads": 1,
         "intermediate_size": 7, "max_position_embeddings": 13, "type_vocab_size": 1, "pad_token_id": 3,
         "hidden_act": "gelu_new"})",
     "roberta.", "embeddings.LayerNorm.weight"},
    {"gpt2",
     R"({"model_type": "gpt2", "vocab_size": 13, "n_positions": 9, "n_embd": 6, "n_layer": 2, "n_head": 3, "n_inner": 5})",
     "transformer.", "h.1.ln_2.weight"},
    {"t5", R"({"model_type": "t5", "vocab_size": 13, "d_model": 6, "d_kv": 5, "d_ff": 9, "num_layers": 2, "num_heads": 2})",
     "transformer.", "encoder.block.1.layer.1.layer_norm.weight"},
    {"t5_gated",
     R"({"model_type": "t5", "vocab_size": 13, "d_model": 6, "d_kv": 2, "d_ff": 9, "num_layers": 1, "num_heads": 3,
         "feed_forward_proj": "gated-gelu", "relative_attention_num_buckets": 8, "relative_attention_max_distance": 20})",
     "transformer.", "encoder.final_layer_norm.weight"},
    {"mt5", R"({"model_type": "mt5", "vocab_size": 13, "d_model": 6, "d_kv": 2, "d_ff": 9, "num_layers": 1, "num_heads": 3})",
     "transformer.", "encoder.final_layer_norm.weight"}};

inline std::shared_ptr<Encoder> encoder_of(const Family& family, const TensorSource& source) {
    const std::string type = nlohmann::json::parse(family.json)["model_type"];
    if (type == "gpt2") return std::make_shared<Gpt2>(parse_gpt2_config(family.json, family.name), source);
    if (type == "t5" || type == "mt5") return std::make_shared<T5Encoder>(parse_t5_config(family.json, family.name), source);
    return std::make_shared<Bert>(parse_model_config(family.json, family.name), source);
}

inline std::shared_ptr<Encoder> random_encoder(const Family& family) {
    torch::manual_seed(7);
    return encoder_of(family, [](const std::string&, torch::IntArrayRef shape) { return torch::randn(shape); });
}

// A tensor as it goes into a file.
struct StoredTensor {
    std::string name;
    ElementType type = ElementType::f32;
    torch::Tensor value;  // on the CPU, contiguous, of a type as wide as `type`

    TensorView view() const {
        return {name, type, value.sizes().vec(), {static_cast<const std::byte*>(value.data_ptr()), value.nbytes()}};
    }
};
using StoredTensors = std::vector<StoredTensor>;

inline StoredTensors stored(const Encoder& encoder) {
    StoredTensors tensors;
    for (const Parameter& parameter : encoder.parameters())
        tensors.push_back({parameter.name, ElementType::f32, parameter.value.contiguous()});
    return tensors;
}

inline StoredTensor& named(StoredTensors& tensors, const std::string& name) {
    for (auto& tensor : tensors)
        if (tensor.name == name) return tensor;
    throw std::out_of_range(name);
}

inline void write_tensors(const std::filesystem::path& path, const StoredTensors& tensors) {
    std::vector<TensorView> views;
    for (const auto& tensor : tensors) views.push_back(tensor.view());
    write_safetensors(path, std::move(views));
}

// The tensors dealt to `shards` files in turn, and the index of them.
inline void write_shards(const std::filesystem::path& folder, const StoredTensors& tensors, std::size_t shards) {
    std::map<std::string, StoredTensors> parts;
    nlohmann::json index;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const auto file = fmt::format("model-{:05}-of-{:05}.safetensors", i % shards + 1, shards);
        parts[file].push_back(tensors[i]);
        index["weight_map"][tensors[i].name] = file;
    }
    index["metadata"]["total_size"] = 0;
    for (const auto& [file, part] : parts) write_tensors(folder / file, part);
    base::write_file_atomically(folder / weights_index_file, index.dump());
}

}  // namespace kohort::model

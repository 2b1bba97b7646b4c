#include "model/pretrained.h"

#include <limits>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "model/bert.h"
#include "model/config_fields.h"
#include "model/gpt2.h"
#include "model/t5.h"
#include "model/weights.h"

namespace kohort::model {
namespace {

constexpr const char* config_name = "config.json";
constexpr const char* weights_name = "model.safetensors";

// A model from its folder's weights. prefix and ignored as in WeightReader.
template <class Model, class Config>
std::shared_ptr<Model> read_weights(const std::filesystem::path& folder, const Config& config, const char* prefix,
                                    std::vector<std::string> ignored, bool notice) {
    if (!std::filesystem::is_regular_file(folder / weights_name))
        base::fail(base::ErrorKind::usage, "{} has no {}", folder.string(), weights_name);
    WeightReader reader(folder / weights_name, prefix, std::move(ignored));
    auto model = std::make_shared<Model>(config, reader.source());
    reader.finish();
    if (notice && !reader.left_out().empty())
        base::log_info("{} tensors of {} that an encoder does not use are left out ({}, …)", reader.left_out().size(),
                       (folder / weights_name).string(), reader.left_out().front());
    return model;
}

std::string config_text(const std::filesystem::path& folder) {
    const auto path = folder / config_name;
    if (!std::filesystem::is_regular_file(path))
        base::fail(base::ErrorKind::usage, "there is no {}; a model is a folder in Hugging Face's layout, with config.json and "
                   "model.safetensors", path.string());
    return base::read_file(path);
}

std::string model_type_of(const std::string& json, const std::string& where) {
    const Json root = parse_config(json, where);
    std::string type;
    ConfigFields(root, where).read("model_type", type);
    for (const char* known : {"bert", "gpt2", "t5", "mt5"})
        if (type == known) return type;
    base::fail(base::ErrorKind::usage, "{}: the model type \"{}\" is not known; this program knows bert, gpt2, t5 and mt5", where, type);
}

}  // namespace

std::shared_ptr<Bert> load_model(const std::filesystem::path& folder, bool notice) {
    // position_ids is a buffer that older checkpoints carry; qa_outputs and classifier are heads of fine-tuned models.
    return read_weights<Bert>(folder, read_model_config(folder / config_name), "bert.",
                              {"pooler.", "cls.", "embeddings.position_ids", "qa_outputs.", "classifier."}, notice);
}

std::shared_ptr<Encoder> load_encoder(const std::filesystem::path& folder, bool notice) {
    const auto json = config_text(folder), where = (folder / config_name).string();
    const auto type = model_type_of(json, where);
    if (type == "bert") return load_model(folder, notice);
    if (type == "gpt2")  // the attention's masks are buffers that older checkpoints carry
        return read_weights<Gpt2>(folder, parse_gpt2_config(json, where), "transformer.", {"lm_head.", ".attn.bias", ".attn.masked_bias"}, notice);
    return read_weights<T5Encoder>(folder, parse_t5_config(json, where), "", {"decoder.", "lm_head.", "encoder.embed_tokens."}, notice);
}

std::int64_t check_encoder(const std::filesystem::path& folder) {
    const auto json = config_text(folder), where = (folder / config_name).string();
    const auto type = model_type_of(json, where);
    if (type == "bert") return parse_model_config(json, where).max_position_embeddings;
    if (type == "gpt2") return parse_gpt2_config(json, where).n_positions;
    parse_t5_config(json, where);
    return std::numeric_limits<std::int64_t>::max();
}

std::shared_ptr<Bert> make_model(const ModelConfig& config, std::uint64_t seed) {
    return std::make_shared<Bert>(config, random_weights(config, seed));
}

std::shared_ptr<Bert> on_device(std::shared_ptr<Bert> model, Device device) {
    if (!device.cuda) return model;
    return std::make_shared<Bert>(model->copy_to(torch_device(device), torch::kFloat));
}

std::vector<SavedFile> save_model(const std::filesystem::path& folder, const Bert& model) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) base::fail(base::ErrorKind::environment, "cannot make the folder {}: {}", folder.string(), failed.message());
    const std::string config = to_json(model.config());
    base::write_file_atomically(folder / config_name, config);
    return {{config_name, base::sha256_hex(config)}, {weights_name, write_weights(folder / weights_name, model.parameters())}};
}

}  // namespace kohort::model

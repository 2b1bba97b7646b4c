#include "model/pretrained.h"

#include <type_traits>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "model/bert.h"
#include "model/config_fields.h"
#include "model/gpt2.h"
#include "model/head.h"
#include "model/t5.h"
#include "model/weight_files.h"
#include "model/weights.h"

namespace kohort::model {
namespace {

// A model from its folder's weights, or one of the same shapes. prefix and ignored as in WeightReader.
enum class Read { values, shapes };
struct Reading {
    Read what = Read::values;
    bool notice = false;
};

template <class Model, class Config>
std::shared_ptr<Model> read_weights(const std::filesystem::path& folder, const Config& config, const char* prefix,
                                    std::vector<std::string> ignored, const Reading& reading) {
    WeightReader reader(folder, prefix, std::move(ignored));
    if constexpr (std::is_same_v<Model, T5Encoder>) reader.stand_in("shared.weight", "encoder.embed_tokens.weight");
    auto model = std::make_shared<Model>(config, reading.what == Read::values ? reader.source() : reader.shapes());
    reader.finish();
    if (reading.notice && !reader.left_out().empty())
        base::log_info("{} tensors of {} that an encoder does not use are left out ({}, …)", reader.left_out().size(),
                       reader.path().string(), reader.left_out().front());
    return model;
}

std::string config_text(const std::filesystem::path& folder) {
    const auto path = folder / config_file;
    if (!std::filesystem::is_regular_file(path))
        base::fail(base::ErrorKind::usage, "there is no {}; a model is a folder in Hugging Face's layout, with config.json and "
                   "model.safetensors", path.string());
    return base::read_file(path);
}

bool is_bert(const std::string& type) { return type == "bert" || type == "roberta" || type == "xlm-roberta"; }

std::string model_type_of(const std::string& json, const std::string& where) {
    const Json root = parse_config(json, where);
    std::string type;
    ConfigFields(root, where).read("model_type", type);
    if (is_bert(type)) return type;
    for (const char* known : {"gpt2", "t5", "mt5"})
        if (type == known) return type;
    base::fail(base::ErrorKind::usage,
               "{}: the model type \"{}\" is not known; this program knows bert, roberta, xlm-roberta, gpt2, t5 and mt5", where,
               type);
}

std::shared_ptr<Encoder> read_encoder(const std::filesystem::path& folder, const Reading& reading) {
    const auto json = config_text(folder), where = (folder / config_file).string();
    const auto type = model_type_of(json, where);
    if (is_bert(type))  // position_ids is a buffer that older checkpoints carry; the others are heads of models made for a task
        return read_weights<Bert>(folder, parse_model_config(json, where), type == "bert" ? "bert." : "roberta.",
                                  {"pooler.", "cls.", "lm_head.", "qa_outputs.", "classifier.", "embeddings.position_ids"}, reading);
    if (type == "gpt2")  // the attention's masks are buffers that older checkpoints carry
        return read_weights<Gpt2>(
            folder, parse_gpt2_config(json, where), "transformer.",
            {"lm_head.", "score.", "classifier.", "multiple_choice_head.", ".attn.bias", ".attn.masked_bias"}, reading);
    return read_weights<T5Encoder>(
        folder, parse_t5_config(json, where), "transformer.",
        {"decoder.", "lm_head.", "classification_head.", "classifier.", "qa_outputs.", "encoder.embed_tokens."}, reading);
}

}  // namespace

std::shared_ptr<Encoder> load_encoder(const std::filesystem::path& folder, bool notice) {
    return read_encoder(folder, {Read::values, notice});
}

std::string model_type_in(const std::filesystem::path& folder) {
    return model_type_of(config_text(folder), (folder / config_file).string());
}

std::vector<std::string> labels_in(const std::filesystem::path& folder, bool multi_label) {
    const auto where = (folder / config_file).string();
    const Json config = parse_config(config_text(folder), where);
    std::vector<std::string> labels;
    const auto found = config.find("id2label");
    if (found == config.end() || !found->is_object()) return labels;
    const auto kind = config.find("problem_type");
    if (kind == config.end() || *kind != (multi_label ? "multi_label_classification" : "single_label_classification")) return labels;
    const WeightFiles files(folder);
    for (const TensorView& tensor : files.tensors())
        if (tensor.name.find("pooler.") != std::string::npos) return labels;
    for (std::size_t i = 0; i < found->size(); ++i) {
        const auto label = found->find(std::to_string(i));
        if (label == found->end() || !label->is_string()) return {};
        labels.push_back(*label);
    }
    return labels;
}

std::int64_t check_encoder(const std::filesystem::path& folder) {
    return read_encoder(folder, {Read::shapes, false})->sizes().longest;
}

std::vector<std::string> model_files(const std::filesystem::path& folder) {
    config_text(folder);
    auto names = weight_file_names(folder);
    names.insert(names.begin(), config_file);
    return names;
}

std::shared_ptr<Encoder> make_model(const ModelConfig& config, std::uint64_t seed) {
    return std::make_shared<Bert>(config, random_weights(config, seed));
}

std::shared_ptr<Encoder> on_device(std::shared_ptr<Encoder> model, Device device) {
    if (!device.cuda) return model;
    return model->with_weights(copied_weights(model->parameters(), torch_device(device), torch::kFloat));
}

std::vector<SavedFile> save_model(const std::filesystem::path& folder, const Encoder& model, const HeadWeights* head) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) base::fail(base::ErrorKind::environment, "cannot make the folder {}: {}", folder.string(), failed.message());
    std::string config = model.config_json();
    std::vector<Parameter> parameters = model.parameters();
    if (head) {
        auto json = Json::parse(config);
        json["architectures"] = {head->format.architecture};
        for (const auto& [key, value] : head->format.config) json[key] = Json::parse(value);
        config = json.dump(2) + "\n";
        for (Parameter& parameter : parameters) parameter.name = head->format.encoder_prefix + parameter.name;
        parameters.insert(parameters.end(), head->parameters.begin(), head->parameters.end());
    }
    base::write_file_atomically(folder / config_file, config);
    return {{config_file, base::sha256_hex(config)}, {weights_file, write_weights(folder / weights_file, parameters)}};
}

std::int64_t width_of(const Encoder& model) { return model.sizes().hidden; }

std::string describe(const Encoder& model) {
    return fmt::format("{} layers of {}", model.sizes().layers, model.sizes().hidden);
}

}  // namespace kohort::model

#include "model/sentence_settings.h"

#include <optional>

#include "base/atomic_file.h"
#include "base/error.h"
#include "model/config_fields.h"

namespace kohort::model {
namespace {

namespace fs = std::filesystem;

constexpr const char *modules_file = "modules.json", *length_file = "sentence_bert_config.json";

// Where sentence-transformers puts the second module of a model, whose first lies in the folder itself.
constexpr const char* pooling_file = "1_Pooling/config.json";

std::optional<Json> read_json(const fs::path& path) {
    if (!fs::is_regular_file(path)) return std::nullopt;
    Json json = Json::parse(base::read_file(path), nullptr, false);
    if (json.is_discarded()) base::fail(base::ErrorKind::usage, "{} is not JSON", path.string());
    return json;
}

// pooling_mode_* that are true; newer versions name a single one instead.
std::string read_pooling(const Json& config, const std::string& where) {
    if (!config.is_object()) base::fail(base::ErrorKind::usage, "{} is not a JSON object", where);
    constexpr std::pair<const char*, const char*> known[] = {
        {"pooling_mode_mean_tokens", "mean"}, {"pooling_mode_cls_token", "cls"}, {"pooling_mode_lasttoken", "last"}};
    std::string pooling, others;
    ConfigFields(config, where).read("pooling_mode", pooling);
    if (pooling == "lasttoken") pooling = "last";
    for (const auto& [key, value] : config.items()) {
        if (!key.starts_with("pooling_mode_") || value != true) continue;
        std::string name;
        for (const auto& [its_key, its_name] : known)
            if (key == its_key) name = its_name;
        if (name.empty() || !pooling.empty()) others += (others.empty() ? "" : ", ") + key;
        else pooling = name;
    }
    if (!others.empty() || (pooling != "mean" && pooling != "cls" && pooling != "last"))
        base::fail(base::ErrorKind::usage, "{}: this pooling is not known ({}); name what comes nearest by --pooling", where,
                   others.empty() ? pooling.empty() ? "none" : pooling : others);
    return pooling;
}

}  // namespace

SentenceSettings read_sentence_settings(const fs::path& folder, bool wanted) {
    SentenceSettings settings;
    const auto modules = read_json(folder / modules_file);
    if (!modules) return settings;
    const auto where = (folder / modules_file).string();
    const auto wrong = [&] { base::fail(base::ErrorKind::usage, "{} is no list of modules", where); };
    if (!modules->is_array()) wrong();
    for (const Json& module : *modules) {
        const auto type = module.is_object() ? module.find("type") : module.end();
        if (!module.is_object() || type == module.end() || !type->is_string()) wrong();
        const std::string full = *type, name = full.substr(full.rfind('.') + 1);
        if (name != "Transformer" && name != "Pooling" && name != "Normalize") settings.unknown_modules.push_back(name);
    }
    if (const auto pooling = wanted ? read_json(folder / pooling_file) : std::nullopt) settings.pooling = read_pooling(*pooling, (folder / pooling_file).string());
    if (const auto lengths = read_json(folder / length_file)) {
        if (!lengths->is_object()) base::fail(base::ErrorKind::usage, "{} is not a JSON object", (folder / length_file).string());
        ConfigFields(*lengths, (folder / length_file).string()).read("max_seq_length", settings.max_tokens);
    }
    return settings;
}

std::vector<std::string> sentence_files_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const char* name : {modules_file, pooling_file, length_file})
        if (fs::is_regular_file(folder / name)) names.emplace_back(name);
    return names;
}

}  // namespace kohort::model

#include "model/sentence_settings.h"

#include <optional>

#include "base/atomic_file.h"
#include "base/error.h"
#include "model/config_fields.h"

namespace kohort::model {
namespace {

namespace fs = std::filesystem;

constexpr const char *modules_file = "modules.json", *length_file = "sentence_bert_config.json";

struct PoolingMode {
    const char *key, *name;
};
constexpr PoolingMode pooling_modes[] = {
    {"pooling_mode_mean_tokens", "mean"}, {"pooling_mode_cls_token", "cls"}, {"pooling_mode_lasttoken", "last"}};

std::optional<Json> read_json(const fs::path& path) {
    if (!fs::is_regular_file(path)) return std::nullopt;
    Json json = Json::parse(base::read_file(path), nullptr, false);
    if (json.is_discarded()) base::fail(base::ErrorKind::usage, "{} is not JSON", path.string());
    return json;
}

// pooling_mode_* that are true; newer versions name a single one instead.
std::string read_pooling(const Json& config, const std::string& where) {
    if (!config.is_object()) base::fail(base::ErrorKind::usage, "{} is not a JSON object", where);
    std::string pooling, others;
    ConfigFields(config, where).read("pooling_mode", pooling);
    if (pooling == "lasttoken") pooling = "last";
    for (const auto& [key, value] : config.items()) {
        if (!key.starts_with("pooling_mode_") || value != true) continue;
        std::string name;
        for (const PoolingMode& known : pooling_modes)
            if (key == known.key) name = known.name;
        if (name.empty() || !pooling.empty()) others += (others.empty() ? "" : ", ") + key;
        else pooling = name;
    }
    if (!others.empty() || (pooling != "mean" && pooling != "cls" && pooling != "last"))
        base::fail(base::ErrorKind::usage, "{}: this pooling is not known ({}); name what comes nearest by --pooling", where,
                   others.empty() ? pooling.empty() ? "none" : pooling : others);
    return pooling;
}

}  // namespace

SentenceSettings read_sentence_settings(const fs::path& folder, bool pooling_wanted) {
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
        const bool in_place = module.value("path", Json()) == fs::path(pooling_file).parent_path().string();
        if (name == "Pooling" && pooling_wanted && !in_place)
            base::fail(base::ErrorKind::usage, "{}: the pooling does not lie in 1_Pooling; name it by --pooling", where);
        if (name != "Transformer" && name != "Pooling" && name != "Normalize") settings.not_done.push_back(name);
    }
    if (const auto pooling = pooling_wanted ? read_json(folder / pooling_file) : std::nullopt)
        settings.pooling = read_pooling(*pooling, (folder / pooling_file).string());
    if (const auto lengths = read_json(folder / length_file)) {
        if (!lengths->is_object()) base::fail(base::ErrorKind::usage, "{} is not a JSON object", (folder / length_file).string());
        ConfigFields(*lengths, (folder / length_file).string()).read("max_seq_length", settings.max_tokens);
        if (lengths->value("do_lower_case", Json()) == true) settings.not_done.push_back("do_lower_case");
    }
    return settings;
}

std::string pooling_config(const std::string& pooling, std::int64_t width) {
    Json config{{"word_embedding_dimension", width}};
    for (const PoolingMode& mode : pooling_modes) config[mode.key] = pooling == mode.name;
    return config.dump(2) + "\n";
}

std::vector<std::string> sentence_files_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const char* name : {modules_file, pooling_file, length_file})
        if (fs::is_regular_file(folder / name)) names.emplace_back(name);
    return names;
}

}  // namespace kohort::model

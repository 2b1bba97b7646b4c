#include "store/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "store/partition_file.h"

namespace kohort::store {
namespace {

using Json = nlohmann::ordered_json;

Json object_of(const NamedValues& values) {
    auto object = Json::object();
    for (const auto& [name, value] : values) object[name] = value;
    return object;
}

NamedValues values_of(const Json& object) {
    NamedValues values;
    for (const auto& [name, value] : object.items()) values.emplace_back(name, value.get<std::string>());
    return values;
}

const std::string* find_value(const NamedValues& values, const std::string& name) {
    const auto found =
        std::find_if(values.begin(), values.end(), [&](const auto& pair) { return pair.first == name; });
    return found == values.end() ? nullptr : &found->second;
}

StageRecord record_of(const Json& stage) {
    StageRecord record;
    record.stage = stage.at("stage").get<std::string>();
    record.complete = stage.at("complete").get<bool>();
    record.key = stage.at("key").get<std::string>();
    record.inputs = values_of(stage.at("inputs"));
    record.folders = stage.at("folders").get<std::vector<std::string>>();
    record.files = stage.at("files").get<std::int64_t>();
    record.digest = stage.at("digest").get<std::string>();
    return record;
}

}  // namespace

const StageRecord* Manifest::find(std::string_view stage) const {
    const auto found =
        std::find_if(stages.begin(), stages.end(), [&](const auto& record) { return record.stage == stage; });
    return found == stages.end() ? nullptr : &*found;
}

StageRecord* Manifest::find(std::string_view stage) {
    return const_cast<StageRecord*>(static_cast<const Manifest*>(this)->find(stage));
}

std::string to_json(const Manifest& manifest) {
    auto stages = Json::array();
    for (const auto& record : manifest.stages)
        stages.push_back(Json{{"stage", record.stage},
                              {"complete", record.complete},
                              {"files", record.files},
                              {"digest", record.digest},
                              {"key", record.key},
                              {"folders", record.folders},
                              {"inputs", object_of(record.inputs)}});
    const Json whole{
        {"kohort_format", format_version}, {"about", object_of(manifest.descriptions)}, {"stages", stages}};
    // A path may hold bytes that are no UTF-8; they are shown as U+FFFD. The key is a hash of the true bytes.
    return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Manifest parse_manifest(std::string_view json, const std::filesystem::path& path) {
    using base::ErrorKind;
    std::int64_t format = 0;
    Manifest manifest;
    try {
        const auto whole = Json::parse(json);
        format = whole.at("kohort_format").get<std::int64_t>();
        if (format == format_version) {
            manifest.descriptions = values_of(whole.at("about"));
            for (const auto& stage : whole.at("stages")) manifest.stages.push_back(record_of(stage));
        }
    } catch (const Json::exception& error) {
        base::fail(ErrorKind::environment,
                   "{} is damaged ({}): restore it, or start again with another --out", path.string(),
                   error.what());
    }
    if (format > format_version)
        base::fail(ErrorKind::usage,
                   "{} has format {}, and this version of Kohort reads up to {}: use a newer Kohort",
                   path.string(), format, format_version);
    if (format < 1) base::fail(ErrorKind::environment, "{} is damaged (format {})", path.string(), format);
    return manifest;
}

std::string first_difference(const NamedValues& was, const NamedValues& is) {
    std::string first;
    int more = -1;
    const auto note = [&](const std::string& name, const std::string* before, const std::string* now) {
        if (++more > 0) return;
        first =
            fmt::format("{} was {}, is {}", name, before ? (before->empty() ? "empty" : *before) : "not set",
                        now ? (now->empty() ? "empty" : *now) : "not set");
    };
    for (const auto& [name, value] : is) {
        const auto* before = find_value(was, name);
        if (!before || *before != value) note(name, before, &value);
    }
    for (const auto& [name, value] : was)
        if (!find_value(is, name)) note(name, &value, nullptr);
    if (more > 0) first += fmt::format(" (and {} more differ)", more);
    return first;
}

}  // namespace kohort::store

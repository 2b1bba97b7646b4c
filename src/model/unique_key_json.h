// JSON from elsewhere in which every key may stand once. The JSON library keeps the last of two equal keys and says
// nothing; here keys are watched as they are read, so that no second value can hide behind a first.
#pragma once

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kohort::model {

enum class JsonProblem { not_json, too_deep, duplicate_key };

// The JSON object in `text`, whose values nest at most `deepest` levels below it. `refuse(problem, explanation)` is
// called for anything else and must throw.
template <class Refuse>
nlohmann::json parse_unique_keys(std::string_view text, int deepest, const Refuse& refuse) {
    using Json = nlohmann::json;
    std::vector<std::set<std::string>> keys(static_cast<std::size_t>(deepest) + 1);  // of the object open at each level
    const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
        if (depth > deepest) refuse(JsonProblem::too_deep, std::string("it is nested too deep"));
        const auto level = static_cast<std::size_t>(depth);
        if (event == Json::parse_event_t::object_start) {
            if (level + 1 < keys.size()) keys[level + 1].clear();
        } else if (event == Json::parse_event_t::key && !keys[level].insert(value.get<std::string>()).second) {
            refuse(JsonProblem::duplicate_key, "\"" + value.get<std::string>() + "\" stands twice");
        }
        return true;
    };
    if (text.find('\0') != std::string_view::npos)  // the library takes it for the end and would ignore what follows
        refuse(JsonProblem::not_json, std::string("it holds a byte of zero"));
    if (!text.starts_with('{')) refuse(JsonProblem::not_json, std::string("it does not begin with {"));
    Json json;
    try {
        json = Json::parse(text, watch);
    } catch (const Json::exception& error) {
        refuse(JsonProblem::not_json, std::string(error.what()));
    }
    return json;
}

}  // namespace kohort::model

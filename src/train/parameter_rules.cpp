#include "train/parameter_rules.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace kohort::train {
namespace {

// "encoder.layer.11.output.dense.weight" -> 11. A prefix may come before, as in full checkpoints.
std::optional<int> layer_of(std::string_view name) {
    for (const std::string_view family : {"encoder.layer.", "encoder.block.", "h."}) {
        const auto found = name.find(family);
        if (found == std::string_view::npos || (found > 0 && name[found - 1] != '.')) continue;
        const std::string_view rest = name.substr(found + family.size());
        int layer = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
        if (error == std::errc() && end != rest.data() + rest.size() && *end == '.') return layer;
    }
    return std::nullopt;
}

bool has_part(std::string_view name, std::string_view part) {
    const auto found = name.find(part);
    if (found == std::string_view::npos) return false;
    const auto end = found + part.size();
    return (found == 0 || name[found - 1] == '.') && (end == name.size() || name[end] == '.');
}

bool is_embedding(std::string_view name) {
    return has_part(name, "embeddings") || has_part(name, "wte") || has_part(name, "wpe") || has_part(name, "shared");
}

}  // namespace

bool decays(const model::Parameter& parameter) {
    return parameter.value.dim() >= 2 && !has_part(parameter.name, "bias") && !has_part(parameter.name, "relative_attention_bias");
}

std::vector<ParameterRule> parameter_rules(const std::vector<model::Parameter>& parameters, double layer_decay) {
    int layers = 0;
    for (const model::Parameter& parameter : parameters) layers = std::max(layers, layer_of(parameter.name).value_or(-1) + 1);
    std::vector<ParameterRule> rules;
    for (const model::Parameter& parameter : parameters) {
        const auto layer = layer_of(parameter.name);
        const int distance = layer ? layers - 1 - *layer : is_embedding(parameter.name) ? layers : 0;
        rules.push_back({decays(parameter), std::pow(layer_decay, distance)});
    }
    return rules;
}

}  // namespace kohort::train

#include "encode/event_weights.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/log.h"

namespace kohort::encode {
namespace {

constexpr double seconds_of_a_day = 86'400;
constexpr double most = 1e6;

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(' ');
    return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

double parse_weight(std::string_view option, std::string_view text) {
    double weight = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
    if (error != std::errc() || end != text.data() + text.size() || !(weight >= 0 && weight <= most))
        base::fail(base::ErrorKind::usage,
                   "--behavior-weights {}: \"{}\" is no weight; give numbers from 0 to {}, as in buy=3,view=1", option, text,
                   most);
    return weight;
}

}  // namespace

BehaviorWeights parse_behavior_weights(std::string_view option) {
    BehaviorWeights weights;
    if (trimmed(option).empty()) return weights;
    for (std::size_t at = 0; at <= option.size();) {
        const auto comma = std::min(option.find(',', at), option.size());
        const auto entry = option.substr(at, comma - at);
        const auto equals = entry.find('=');
        if (equals == std::string_view::npos || entry.find('=', equals + 1) != std::string_view::npos ||
            trimmed(entry.substr(0, equals)).empty())
            base::fail(base::ErrorKind::usage, "--behavior-weights {}: \"{}\" is not BEHAVIOUR=WEIGHT, as in buy=3,view=1",
                       option, entry);
        const auto name = trimmed(entry.substr(0, equals));
        if (!weights.emplace(name, parse_weight(option, trimmed(entry.substr(equals + 1)))).second)
            base::fail(base::ErrorKind::usage, "--behavior-weights {}: {} stands there twice; give each behaviour once", option,
                       name);
        at = comma + 1;
    }
    return weights;
}

std::string text_of(const BehaviorWeights& behaviors) {
    std::string text;
    for (const auto& [name, weight] : behaviors) text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, weight);
    return text;
}

std::vector<double> weigh_events(std::span<const corpus::Event> events, std::span<const std::string> behaviors,
                                 const EventWeights& weights) {
    std::vector<double> result;
    for (const auto& event : events) {
        double weight = event.text.empty() ? 0 : 1;
        if (weight > 0 && !weights.behaviors.empty())
            if (const auto named = weights.behaviors.find(behaviors[static_cast<std::size_t>(event.behavior)]);
                named != weights.behaviors.end())
                weight = named->second;
        result.push_back(weight);
    }
    if (weights.half_life_days == 0) return result;
    std::int64_t newest = 0;  // a time of 0 is none
    for (std::size_t e = 0; e < events.size(); ++e)
        if (result[e] > 0 && events[e].time != 0 && (newest == 0 || events[e].time > newest)) newest = events[e].time;
    for (std::size_t e = 0; e < events.size(); ++e) {
        if (result[e] == 0 || events[e].time == 0) continue;
        const double days = (static_cast<double>(newest) - static_cast<double>(events[e].time)) / seconds_of_a_day;
        result[e] *= std::exp2(-days / weights.half_life_days);
    }
    return result;
}

void warn_about_unknown_behaviors(const EventWeights& weights, std::span<const std::string> behaviors) {
    for (const auto& [name, weight] : weights.behaviors)
        if (std::ranges::find(behaviors, name) == behaviors.end())
            base::log_warning("--behavior-weights {}={}: no event has this behaviour; there are: {}", name, weight,
                              fmt::join(behaviors, ", "));
}

}  // namespace kohort::encode

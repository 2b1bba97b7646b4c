#include "train/checkpoint_manifest.h"

#include <bit>
#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace kohort::train {
namespace {

// This line, JSON on one line, the SHA-256 of both as 64 hex digits on the last line.
constexpr std::string_view magic = "kohort checkpoint 4\n", magic_before = "kohort checkpoint 3\n";  // no flipped bit makes one of the other
constexpr std::size_t last_line = 65;

using Curve = std::vector<std::pair<std::int64_t, double>>;

// Numbers as their bits: exact, where decimal digits might not be, and NaN passes too.
nlohmann::ordered_json curve_bits(const Curve& curve) {
    auto bits = nlohmann::ordered_json::array();
    for (const auto& [step, value] : curve) bits.push_back({step, std::bit_cast<std::uint64_t>(value)});
    return bits;
}

Curve curve_of(const nlohmann::json& bits) {
    Curve curve;
    for (const auto& [step, value] : bits.get<std::vector<std::pair<std::int64_t, std::uint64_t>>>())
        curve.emplace_back(step, std::bit_cast<double>(value));
    return curve;
}

}  // namespace

std::string manifest_text(const CheckpointManifest& manifest) {
    const TrainingProgress& progress = manifest.progress;
    std::vector<std::uint32_t> largest_bits;
    for (const float value : progress.recent_largest) largest_bits.push_back(std::bit_cast<std::uint32_t>(value));
    std::vector<std::uint64_t> watched_bits;
    for (const double value : progress.watched) watched_bits.push_back(std::bit_cast<std::uint64_t>(value));
    nlohmann::ordered_json json = {{"key", manifest.key},
                                   {"step", progress.step},
                                   {"recent_largest_bits", largest_bits},
                                   {"loss_bits", curve_bits(progress.loss)},
                                   {"held_out_loss_bits", curve_bits(progress.held_out_loss)},
                                   {"watched_bits", watched_bits},
                                   {"tensors", manifest.tensors},
                                   {"vectors", manifest.vectors}};
    auto& parts = json["parts"] = nlohmann::ordered_json::array();
    for (const auto& part : manifest.parts)
        parts.push_back({{"file", part.file},
                         {"bytes", part.bytes},
                         {"sha256", part.sha256},
                         {"elements", {part.elements.first, part.elements.last}}});
    const std::string text = std::string(magic) + json.dump() + "\n";
    return text + base::sha256_hex(text) + "\n";
}

bool of_another_version(std::string_view text) { return text.starts_with(magic_before); }

std::optional<CheckpointManifest> parse_manifest(std::string_view text) {
    if (text.size() < magic.size() + last_line || !text.starts_with(magic) || text.back() != '\n') return {};
    const std::string_view vouched = text.substr(0, text.size() - last_line);
    if (base::sha256_hex(vouched) != text.substr(vouched.size(), last_line - 1)) return {};
    // The digest has vouched for the text: what follows is what manifest_text wrote.
    const auto json = nlohmann::json::parse(vouched.substr(magic.size()));
    CheckpointManifest result;
    result.key = json.at("key");
    result.progress.step = json.at("step");
    for (const std::uint32_t bits : json.at("recent_largest_bits").get<std::vector<std::uint32_t>>())
        result.progress.recent_largest.push_back(std::bit_cast<float>(bits));
    result.progress.loss = curve_of(json.at("loss_bits"));
    result.progress.held_out_loss = curve_of(json.at("held_out_loss_bits"));
    for (const std::uint64_t bits : json.at("watched_bits").get<std::vector<std::uint64_t>>())
        result.progress.watched.push_back(std::bit_cast<double>(bits));
    json.at("tensors").get_to(result.tensors);
    json.at("vectors").get_to(result.vectors);
    for (const auto& part : json.at("parts"))
        result.parts.push_back({part.at("file"), part.at("sha256"), part.at("bytes"),
                                {part.at("elements").at(0), part.at("elements").at(1)}});
    return result;
}

}  // namespace kohort::train

// The file that makes a checkpoint complete: it is written last, names the ranks' parts with their sizes and SHA-256,
// and carries its own, so that no damage to any of them goes unnoticed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "train/training_state.h"

namespace kohort::train {

struct CheckpointManifest {
    struct Part {
        std::string file, sha256;  // the file's name, in the manifest's folder
        std::int64_t bytes = 0;
        parallel::Range elements;  // parts follow one another in the long vector of all parameters
    };
    std::string key;
    TrainingProgress progress;
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;  // names and shapes
    std::vector<std::string> vectors;  // a part holds each of these for its elements, one after another, as fp32
    std::vector<Part> parts;
};

std::string manifest_text(const CheckpointManifest& manifest);

// Whether a manifest was written by the version of this program that had the format before this one.
bool of_another_version(std::string_view text);

// Nothing for text that manifest_text did not write, in any byte.
std::optional<CheckpointManifest> parse_manifest(std::string_view text);

}  // namespace kohort::train

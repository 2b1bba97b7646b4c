// The header of a safetensors file: which tensor lies where. Everything in it is a claim of a stranger; what comes out
// of here has been checked against the format and against the size of the data.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/safetensors.h"

namespace kohort::model {

struct SafetensorsContents {
    std::vector<TensorView> tensors;  // sorted by name; their bytes are parts of the file's
    std::map<std::string, std::string> metadata;
};

// Reads the header of the file whose bytes these are; `path` names it in messages. Throws SafetensorsError.
SafetensorsContents parse_safetensors(std::span<const std::byte> file, const std::filesystem::path& path);

// The length that precedes the header, and the key that is no tensor's name.
inline constexpr std::uint64_t safetensors_length_bytes = 8;
inline constexpr std::string_view safetensors_metadata_key = "__metadata__";

}  // namespace kohort::model

// Reads tokenizer.json, the one file in which Hugging Face's Rust tokenizers keep everything.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "text/tokenizer.h"

namespace kohort::text {

// `lowercase` overrides what the file says, where given. Error(usage) names the part that Kohort does not know.
std::unique_ptr<Tokenizer> read_tokenizer_json(const std::filesystem::path& path, std::optional<bool> lowercase);

}  // namespace kohort::text

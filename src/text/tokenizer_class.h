// The class of transformers that a tokenizer's files are for, as tokenizer_config.json names it. A list of pieces looks the
// same whichever class cuts texts into them: the ids of a class that is not known would be wrong, and nobody would notice.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include "text/tokenizer_json_parts.h"

namespace kohort::text {

// The name without the "Fast" at its end; "" where none is named. Error(usage) where it is not one of those known.
std::string read_tokenizer_class(const Json& config, const std::filesystem::path& config_path,
                                 std::initializer_list<std::string_view> known);

}  // namespace kohort::text

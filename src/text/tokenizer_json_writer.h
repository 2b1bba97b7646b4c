// The parts of tokenizer.json that all kinds of tokenizers share, and the small files beside it, as JSON to be written.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/post_processor.h"

namespace kohort::text {

using TokenNames = std::function<std::string(TokenId)>;

nlohmann::ordered_json added_tokens_json(const std::vector<AddedToken>& added);

// A TemplateProcessing.
nlohmann::ordered_json post_processor_json(const PostProcessor& post_processor, const TokenNames& name);

// special_tokens_map.json; tokenizer_config.json has it too.
nlohmann::ordered_json special_tokens_json(const SpecialTokens& special, const TokenNames& name);

}  // namespace kohort::text

// GPT-2's and RoBERTa's tokenizers in the two files that were there before tokenizer.json: vocab.json with merges.txt,
// or encoder.json with vocab.bpe, as OpenAI names them.
#pragma once

#include <filesystem>
#include <memory>

#include "text/tokenizer.h"

namespace kohort::text {

bool holds_byte_level_bpe(const std::filesystem::path& folder);
// One of the two files, with the other beside it.
bool is_byte_level_bpe_file(const std::filesystem::path& path);

// A vocabulary with <s> and </s> is RoBERTa's: the two stand around a text. add_prefix_space is read from
// tokenizer_config.json, where there is one. Error(usage) names the file and the line.
std::unique_ptr<Tokenizer> read_byte_level_bpe(const std::filesystem::path& folder);

}  // namespace kohort::text

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

// Whose it is says the tokenizer_class of tokenizer_config.json; where none is named, a vocabulary with <s> and </s> is
// RoBERTa's. RoBERTa's class puts the two around a text, GPT-2's nothing (but with add_bos_token the first). The special tokens
// that the file names, and add_prefix_space, are taken from it too. Error(usage) names the file and, of merges, the line.
std::unique_ptr<Tokenizer> read_byte_level_bpe(const std::filesystem::path& folder);

}  // namespace kohort::text

// WordPiece in the files that Hugging Face's libraries read: vocab.txt, tokenizer.json, tokenizer_config.json and
// special_tokens_map.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "text/wordpiece.h"

namespace kohort::text {

// vocab.txt, with tokenizer_config.json beside it where there is one. Without that file texts are lowercased;
// `lowercase` overrides both, where given. Error(usage) where the file names a tokenizer_class whose texts are cut otherwise.
std::unique_ptr<Tokenizer> read_bert_vocabulary(const std::filesystem::path& path, std::optional<bool> lowercase);

// Writes the four files, each atomically, the same bytes for the same settings. most: the model's longest sequence.
void save_wordpiece(const WordPieceSettings& settings, const std::filesystem::path& folder, std::int64_t most);

}  // namespace kohort::text

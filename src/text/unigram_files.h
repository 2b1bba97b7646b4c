// A vocabulary of the unigram model in the files that Hugging Face's libraries read: tokenizer.json, tokenizer_config.json
// and special_tokens_map.json.
#pragma once

#include <cstdint>
#include <filesystem>

#include "text/text_normalizer.h"
#include "text/unigram_trainer.h"

namespace kohort::text {

// What such a tokenizer does to a text first: NFKC, then small letters.
TextNormalizer unigram_normalizer(bool lowercase);

// Writes the files, each atomically, the same bytes for the same pieces. The ids: BERT's special tokens [PAD] [UNK] [CLS] [SEP]
// [MASK], the pieces, then the sentinels of a T5, the last of them first.
// Texts are cut at white space and get [CLS] and [SEP]. most: the model's longest sequence.
void save_unigram(const UnigramPieces& pieces, bool lowercase, std::int64_t sentinels, const std::filesystem::path& folder,
                  std::int64_t most);

// The tokens that save_unigram adds to the pieces.
std::int64_t unigram_tokens_added(std::int64_t sentinels);

}  // namespace kohort::text

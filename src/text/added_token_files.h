// Tokens that people added to a vocabulary, as folders without a tokenizer.json say it: "added_tokens_decoder" in
// tokenizer_config.json, or the older added_tokens.json. Left out, their texts would silently get other ids.
#pragma once

#include <filesystem>
#include <vector>

#include "text/added_tokens.h"
#include "text/pipeline_tokenizer.h"
#include "text/vocabulary.h"

namespace kohort::text {

inline constexpr const char* added_tokens_file = "added_tokens.json";

// Of the files in this folder; none where there are no such files. Error(usage) names the file that is not as expected.
std::vector<AddedToken> read_added_tokens_beside(const std::filesystem::path& folder);

// Puts those behind `added` that are not among them. Error(usage) where one has an id that is another token's.
void add_missing(const Vocabulary& vocabulary, std::vector<AddedToken> more, std::vector<AddedToken>& added);

// added_tokens.json, where the folder has one, among the files that a tokenizer was read from.
void keep_added_tokens_file(const std::filesystem::path& folder, std::vector<TokenizerFile>& files);

}  // namespace kohort::text

// Tokens that people added to a vocabulary, as folders without a tokenizer.json say it: "added_tokens_decoder" in
// tokenizer_config.json, or the older added_tokens.json. Left out, their texts would silently get other ids.
#pragma once

#include <filesystem>
#include <vector>

#include "text/added_tokens.h"
#include "text/pipeline_tokenizer.h"
#include "text/tokenizer_json_parts.h"
#include "text/vocabulary.h"

namespace kohort::text {

// Of the files in this folder; none where there are no such files. Error(usage) names the file that is not as expected.
std::vector<AddedToken> read_added_tokens_beside(const std::filesystem::path& folder);

// Puts those behind `added` that are not among them. Error(usage) where one has an id that is another token's.
void add_missing(const Vocabulary& vocabulary, std::vector<AddedToken> more, std::vector<AddedToken>& added);

// {"pad_token": "<pad>", …} of this folder; an empty object where there is no such file. Error(usage) names the file.
Json read_special_tokens_map(const std::filesystem::path& folder);

// added_tokens.json and special_tokens_map.json, where the folder has them, among the files that a tokenizer was read from.
void keep_added_token_files(const std::filesystem::path& folder, std::vector<TokenizerFile>& files);

}  // namespace kohort::text

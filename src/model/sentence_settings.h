// What a folder that sentence-transformers saved says of vectors of whole texts, beside what its config.json says of the model:
// modules.json, the pooling's own config.json and sentence_bert_config.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kohort::model {

struct SentenceSettings {
    std::string pooling;          // "mean", "cls" or "last"; empty: not said
    std::int64_t max_tokens = 0;  // of a text; 0: not said
    std::vector<std::string> not_done;  // "Dense", "do_lower_case": what it asks for and this program does not do
};

// Nothing is said where these files are not there. Error(usage) for files that are not what they should be and, if it is wanted,
// for a pooling of another kind, of several at once or in another place.
SentenceSettings read_sentence_settings(const std::filesystem::path& folder, bool pooling_wanted = true);

// 1_Pooling/config.json of a model whose vectors [width] are pooled so: "mean", "cls" or "last".
std::string pooling_config(const std::string& pooling, std::int64_t width);
inline constexpr const char* pooling_file = "1_Pooling/config.json";

// The files' names, of those that are there.
std::vector<std::string> sentence_files_in(const std::filesystem::path& folder);

}  // namespace kohort::model

// Tokens and their ids, both ways.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace kohort::text {

class Vocabulary {
  public:
    Vocabulary() = default;
    // tokens[i] has the id i. An empty string is a hole; where a token comes twice, the later id counts (as in
    // Hugging Face's reader).
    explicit Vocabulary(std::vector<std::string> tokens);

    std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
    const std::vector<std::string>& tokens() const { return tokens_; }
    // Error(internal) for an id outside [0, size()).
    const std::string& token(TokenId id) const;
    // -1: not there.
    TokenId id(std::string_view token) const;
    // Gives the token this id, making holes where the id is beyond the end.
    void set(TokenId id, const std::string& token);

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view token) const { return std::hash<std::string_view>{}(token); }
    };
    std::vector<std::string> tokens_;
    std::unordered_map<std::string, TokenId, Hash, std::equal_to<>> ids_;
};

// vocab.txt: one token a line, white space at a line's end removed.
Vocabulary read_vocabulary_file(const std::filesystem::path& path);

}  // namespace kohort::text

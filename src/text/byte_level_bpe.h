// Byte-pair encoding over bytes, GPT-2's tokenizer (Radford et al. 2019, section 2.2): a text is cut into words
// (gpt2_words.h), and in each the pair of neighbours that was merged first in training is joined, again and again.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace kohort::text {

class ByteLevelBpe : public Tokenizer {
  public:
    // vocabulary: pieces as the files spell them, one printable character a byte. merges: pairs of pieces, the first
    // learned first. Error(usage) where a byte has no piece, or a pair or what it makes is not in the vocabulary.
    ByteLevelBpe(Vocabulary vocabulary, const std::vector<std::pair<std::string, std::string>>& merges);

    void encode(std::string_view utf8, std::vector<TokenId>& ids) const override;
    std::int64_t vocabulary_size() const override { return vocabulary_.size(); }
    const std::string& token(TokenId id) const override { return vocabulary_.token(id); }
    const SpecialTokens& special() const override { return special_; }
    // Nothing is added: GPT-2 has no special tokens around a text.
    std::vector<TokenId> encode_for_model(std::string_view utf8, std::int64_t most) const override;

  private:
    struct Merge {
        std::int32_t rank;
        TokenId id;
    };
    const Merge* merge_of(TokenId left, TokenId right) const;
    void encode_word(std::string_view word, std::vector<TokenId>& ids) const;

    Vocabulary vocabulary_;
    SpecialTokens special_;
    std::unique_ptr<AddedTokenFinder> added_;
    std::array<TokenId, 256> byte_ids_{};
    std::unordered_map<std::uint64_t, Merge> merges_;  // by the pair of ids
};

// From a folder with vocab.json and merges.txt, or encoder.json and vocab.bpe.
bool holds_byte_level_bpe(const std::filesystem::path& folder);
// Error(usage) that names the file and the line for what is no such tokenizer, and for RoBERTa's, whose special tokens
// this does not add.
std::unique_ptr<Tokenizer> read_byte_level_bpe(const std::filesystem::path& folder);

}  // namespace kohort::text

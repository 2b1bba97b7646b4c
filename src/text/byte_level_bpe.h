// Byte-pair encoding over bytes, the tokenizer of GPT-2 (Radford et al. 2019, section 2.2) and RoBERTa: a text is cut
// into words (gpt2_words.h), and in each the pairs of neighbours are joined in the order in which training joined them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/bpe_merges.h"
#include "text/pipeline_tokenizer.h"

namespace kohort::text {

using MergeList = std::vector<std::pair<std::string, std::string>>;

struct ByteLevelBpeSettings {
    // Pieces as the files spell them, one printable character a byte.
    Vocabulary pieces;
    MergeList merges;  // pairs of pieces, the first learned first
    // For a byte that has no piece; without it such a byte gives nothing.
    std::optional<std::string> unknown;
    bool fuse_unknown = false;      // neighbours without a piece are one unknown
    bool ignore_merges = false;     // a word that is a piece is that piece, whatever the merges make of it
    bool add_prefix_space = false;  // a stretch between added tokens begins with a blank
    bool split_words = true;        // false: merges cross words
    PipelineSettings pipeline;      // its vocabulary is made from `pieces` and the added tokens
};

class ByteLevelBpe final : public PipelineTokenizer {
  public:
    // Error(usage) where a pair, what it makes or the unknown token is not in the vocabulary.
    explicit ByteLevelBpe(ByteLevelBpeSettings settings);

  protected:
    void encode_stretch(std::string_view text, bool first, std::size_t most, std::vector<TokenId>& ids) const override;

  private:
    void encode_word(std::string_view word, std::vector<TokenId>& ids) const;

    Vocabulary pieces_;
    BpeMerges merges_;
    std::array<TokenId, 256> byte_ids_{};  // -1: no piece
    TokenId unknown_ = -1;
    bool fuse_unknown_, ignore_merges_, add_prefix_space_, split_words_;
    std::uint32_t owner_;  // of words in the cache
};

// How the files spell a byte: printable Latin-1 as itself, the others as the characters from U+0100 on, in order.
const std::array<std::string, 256>& spelled_bytes();

}  // namespace kohort::text

// Which tokens of a text begin a word, for hiding whole words. Words are those that ICU finds (text/word_iterator.h): for
// Chinese its dictionary says which characters belong together.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace kohort::train {

class WordStarts {
  public:
    // The tokenizer must outlive it.
    explicit WordStarts(const text::Tokenizer& tokenizer);

    // For `ids`, which the tokenizer makes of the text: true where a token goes on with the word of the one before it.
    // Words are tokenised one by one. Where that gives other ids than the whole text (the tokenizer cuts words otherwise
    // than ICU does), tokens without any marks of words are counted out by what they spell, and one goes on that lies in
    // the same word as the one before it; else the marks decide: "##" goes on; where there are "▁" or "Ġ", what has none goes on.
    // More than ten such pieces are no word but a script without spaces: then each stands alone. Thread-safe.
    std::vector<bool> goes_on(std::string_view utf8, const std::vector<text::TokenId>& ids) const;

  private:
    bool spell_the_same(const std::vector<text::TokenId>& one, const std::vector<text::TokenId>& other) const;
    std::size_t spelt_bytes(text::TokenId id) const;
    std::size_t spelt_bytes(const std::vector<text::TokenId>& ids, std::size_t first) const;
    std::vector<bool> by_marks(const std::vector<text::TokenId>& ids) const;

    const text::Tokenizer& tokenizer_;
    bool marks_starts_ = false;  // as SentencePiece and byte-level BPE do
    bool marks_any_ = false;
};

}  // namespace kohort::train

// Which pieces of a text may describe a segment: content words, and phrases of two of them side by side.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kohort::segment {

struct TermsOfText {
    std::vector<std::string> terms;  // distinct, sorted; a phrase holds a unit separator between its two words
};

class TermExtractor {
  public:
    // Further stop words (lower case) join the built-in Chinese and English ones.
    explicit TermExtractor(const std::vector<std::string>& further_stop_words = {});

    // Stop words, numbers, single Han characters and Latin words below three letters are no terms. A phrase is two
    // words with nothing between them (Han) or one space (Latin), neither a stop word.
    TermsOfText extract(std::string_view text) const;

    bool is_stop_word(std::string_view word) const;

  private:
    std::vector<std::string> stop_words_;  // sorted
};

// Between the two words of a phrase while it is counted: no text holds it, because cleaning removes control characters.
inline constexpr char phrase_mark = '\x1f';

// The two words of a phrase, or the word itself and nothing.
std::pair<std::string_view, std::string_view> words_of(std::string_view term);

// As people read it: Han words joined, others with a space between.
std::string readable(std::string_view term);

}  // namespace kohort::segment

// Which pieces of a text may describe a segment: content words, and phrases of two or three of them side by side.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kohort::segment {

struct TermsOfText {
    std::vector<std::string> terms;       // distinct, sorted; a phrase holds a unit separator between its words
    std::vector<std::string> characters;  // single Han characters: no terms, but parts of phrases; distinct, sorted
};

class TermExtractor {
  public:
    // Further stop words (lower case) join the built-in Chinese and English ones.
    explicit TermExtractor(const std::vector<std::string>& further_stop_words = {});

    // Stop words, numbers, single Han characters and Latin words below three letters are no terms. A phrase is two or
    // three words with nothing between them (Han, at most eight characters) or one space (Latin), none of them a stop
    // word, nor the whole.
    TermsOfText extract(std::string_view text) const;

    bool is_stop_word(std::string_view word) const;

  private:
    std::vector<std::string> stop_words_;  // sorted
};

// Between the words of a phrase while it is counted: no text holds it, because cleaning removes control characters.
inline constexpr char phrase_mark = '\x1f';

// The words of a phrase, or the word itself.
std::vector<std::string_view> words_of(std::string_view term);

// Whether a text's piece is a single character, which no term is.
bool is_single_character(std::string_view piece);

// As people read it: Han words joined, others with a space between.
std::string readable(std::string_view term);

}  // namespace kohort::segment

#include "segment/term_extractor.h"

#include <algorithm>

#include "segment/stop_words.h"
#include "text/unicode_tables.h"
#include "text/utf8.h"
#include "text/word_iterator.h"

namespace kohort::segment {
namespace {

struct Piece {
    std::string text;
    std::string_view origin;  // in the text
    std::int64_t length;      // characters
    bool han;
};

bool has_han(std::string_view word) {
    bool found = false;
    text::for_each_character(word, [&](char32_t c) { found = found || text::is_chinese(c); });
    return found;
}

constexpr std::size_t longest_phrase = 3;  // words

// Whether two neighbours read as one: Han words that touch, others with one space between them.
bool joins(const Piece& first, const Piece& second) {
    const auto* end = first.origin.data() + first.origin.size();
    const auto gap = second.origin.data() - end;
    if (first.han && second.han) return gap == 0;
    return !first.han && !second.han && gap == 1 && *end == ' ' && first.text != second.text;
}

}  // namespace

TermExtractor::TermExtractor(const std::vector<std::string>& further_stop_words) {
    for (const auto word : built_in_stop_words()) stop_words_.emplace_back(word);
    stop_words_.insert(stop_words_.end(), further_stop_words.begin(), further_stop_words.end());
    std::sort(stop_words_.begin(), stop_words_.end());
}

bool TermExtractor::is_stop_word(std::string_view word) const {
    return std::binary_search(stop_words_.begin(), stop_words_.end(), word, std::less<>());
}

TermsOfText TermExtractor::extract(std::string_view text) const {
    std::vector<Piece> pieces;
    for (const auto& word : text::words(text)) {
        if (word.kind == text::WordKind::number) continue;
        const bool han = word.kind == text::WordKind::han;
        std::string lower = text::lowercase(word.text);
        const auto length = text::count_characters(lower);
        // A single Han character may be half of a phrase; a short Latin word may not.
        if ((!han && length < 3) || is_stop_word(lower)) continue;
        pieces.push_back({std::move(lower), word.text, length, han});
    }
    TermsOfText found;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const auto& piece = pieces[i];
        if (piece.han && piece.length == 1) found.characters.push_back(piece.text);
        else if (!piece.han || piece.length <= 10) found.terms.push_back(piece.text);
        std::string phrase = piece.text;
        std::int64_t length = piece.length;
        for (std::size_t last = i + 1; last < std::min(i + longest_phrase, pieces.size()); ++last) {
            if (!joins(pieces[last - 1], pieces[last])) break;
            phrase += phrase_mark + pieces[last].text;
            length += pieces[last].length;
            if (piece.han && length > 8) break;
            if (!is_stop_word(readable(phrase))) found.terms.push_back(phrase);
        }
    }
    for (auto* list : {&found.terms, &found.characters}) {
        std::sort(list->begin(), list->end());
        list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    return found;
}

std::vector<std::string_view> words_of(std::string_view term) {
    std::vector<std::string_view> words;
    for (std::size_t begin = 0; begin <= term.size();) {
        const auto end = std::min(term.find(phrase_mark, begin), term.size());
        words.push_back(term.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

bool is_single_character(std::string_view piece) { return text::count_characters(piece) == 1; }

std::string readable(std::string_view term) {
    std::string text;
    for (const auto word : words_of(term)) {
        if (!text.empty() && !has_han(word)) text += ' ';
        text += word;
    }
    return text;
}

}  // namespace kohort::segment

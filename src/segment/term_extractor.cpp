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
        if (!piece.han || (piece.length >= 2 && piece.length <= 10)) found.terms.push_back(piece.text);
        if (i + 1 == pieces.size()) continue;
        const auto& next = pieces[i + 1];
        const auto gap = next.origin.data() - (piece.origin.data() + piece.origin.size());
        const bool touching = piece.han && next.han && gap == 0 && piece.length + next.length <= 8;
        const bool spaced = !piece.han && !next.han && gap == 1 && piece.origin.data()[piece.origin.size()] == ' ' &&
                            piece.text != next.text;
        if (touching || spaced) found.terms.push_back(piece.text + phrase_mark + next.text);
    }
    std::sort(found.terms.begin(), found.terms.end());
    found.terms.erase(std::unique(found.terms.begin(), found.terms.end()), found.terms.end());
    return found;
}

std::pair<std::string_view, std::string_view> words_of(std::string_view term) {
    const auto mark = term.find(phrase_mark);
    if (mark == std::string_view::npos) return {term, {}};
    return {term.substr(0, mark), term.substr(mark + 1)};
}

std::string readable(std::string_view term) {
    const auto [first, second] = words_of(term);
    std::string text(first);
    if (second.empty()) return text;
    if (!has_han(first)) text += ' ';
    text += second;
    return text;
}

}  // namespace kohort::segment

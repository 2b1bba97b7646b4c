#include "train/word_starts.h"

#include <algorithm>
#include <string>
#include <utility>

#include "text/word_iterator.h"

namespace kohort::train {
namespace {

constexpr std::size_t longest_marked_word = 10;  // pieces
constexpr std::string_view starting_marks[] = {"▁", "Ġ", "Ċ", "ĉ"};

bool has_starting_mark(const std::string& token) {
    return std::any_of(std::begin(starting_marks), std::end(starting_marks),
                       [&](std::string_view mark) { return token.starts_with(mark); });
}

// The text cut at the begin and end of each word; one space goes with the word behind it, as byte-level BPE has it.
struct Piece {
    std::string_view text;
    bool word;
};
std::vector<Piece> pieces_of(std::string_view utf8) {
    std::vector<Piece> pieces;
    std::size_t done = 0;
    for (const text::Word& word : text::words(utf8)) {
        auto begin = static_cast<std::size_t>(word.text.data() - utf8.data());
        const std::size_t end = begin + word.text.size();
        if (begin > done && utf8[begin - 1] == ' ') --begin;
        if (begin > done) pieces.push_back({utf8.substr(done, begin - done), false});
        pieces.push_back({utf8.substr(begin, end - begin), true});
        done = end;
    }
    if (done < utf8.size()) pieces.push_back({utf8.substr(done), false});
    return pieces;
}

}  // namespace

WordStarts::WordStarts(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {
    std::int64_t continuing = 0, starting = 0;
    for (std::int64_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
        const std::string& token = tokenizer.token(static_cast<text::TokenId>(id));
        continuing += token.starts_with("##");
        starting += has_starting_mark(token);
    }
    marks_starts_ = starting > continuing;
    marks_any_ = starting + continuing > 0;
}

// Whether tokens one behind another are the same text, but for white space, and may be counted out. What is unknown stands for
// one byte: it lies at the same places where there is as much of it.
bool WordStarts::spell_the_same(const std::vector<text::TokenId>& one, const std::vector<text::TokenId>& other) const {
    const auto unknown = tokenizer_.special().unknown;
    return !marks_any_ && std::ranges::count(one, unknown) == std::ranges::count(other, unknown) &&
           spelt_bytes(one, 0) == spelt_bytes(other, 0);
}

std::size_t WordStarts::spelt_bytes(text::TokenId id) const {
    return id == tokenizer_.special().unknown ? 1 : tokenizer_.token(id).size();
}

std::size_t WordStarts::spelt_bytes(const std::vector<text::TokenId>& ids, std::size_t first) const {
    std::size_t bytes = 0;
    for (std::size_t i = first; i < ids.size(); ++i) bytes += spelt_bytes(ids[i]);
    return bytes;
}

std::vector<bool> WordStarts::by_marks(const std::vector<text::TokenId>& ids) const {
    std::vector<bool> result(ids.size(), false);
    for (std::size_t i = 1; i < ids.size(); ++i) {
        const std::string& token = tokenizer_.token(ids[i]);
        result[i] = marks_starts_ ? !has_starting_mark(token) : token.starts_with("##");
    }
    for (std::size_t begin = 0, end = 0; begin < ids.size(); begin = end) {
        for (end = begin + 1; end < ids.size() && result[end]; ++end) {}
        if (end - begin > longest_marked_word)
            std::fill(result.begin() + static_cast<std::ptrdiff_t>(begin), result.begin() + static_cast<std::ptrdiff_t>(end), false);
    }
    return result;
}

std::vector<bool> WordStarts::goes_on(std::string_view utf8, const std::vector<text::TokenId>& ids) const {
    std::vector<bool> result;
    std::vector<text::TokenId> joined;
    std::vector<std::pair<std::size_t, std::size_t>> words;  // [begin, end) in what tokens spell
    std::size_t spelt = 0;
    for (const Piece& piece : pieces_of(utf8)) {
        const std::size_t before = joined.size();
        tokenizer_.encode(piece.text, joined);
        // What lies between words is punctuation: each sign stands alone.
        for (std::size_t i = before; i < joined.size(); ++i) result.push_back(piece.word && i > before);
        const std::size_t end = spelt + spelt_bytes(joined, before);
        if (piece.word) words.emplace_back(spelt, end);
        spelt = end;
    }
    if (joined == ids) return result;
    if (!spell_the_same(ids, joined)) return by_marks(ids);
    result.assign(ids.size(), false);
    std::size_t begin = 0, begin_before = 0;
    auto word = words.begin();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::size_t end = begin + spelt_bytes(ids[i]);
        while (word != words.end() && word->second < end) ++word;
        result[i] = i > 0 && word != words.end() && word->first <= begin_before;
        begin_before = begin;
        begin = end;
    }
    return result;
}

}  // namespace kohort::train

#include "text/text_marks.h"

#include <charconv>
#include <map>

#include <fmt/format.h>

namespace kohort::text {
namespace {

constexpr std::string_view front = "<extra_id_", word_mark = "▁";

// The number of a sentinel, or -1. mT5's have the mark of a word's beginning in front.
std::int64_t sentinel_number(std::string_view token) {
    if (token.starts_with(word_mark)) token.remove_prefix(word_mark.size());
    if (!token.starts_with(front) || !token.ends_with('>')) return -1;
    token = token.substr(front.size(), token.size() - front.size() - 1);
    std::int64_t number = -1;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
    return error == std::errc() && end == token.data() + token.size() ? number : -1;
}

}  // namespace

TextMarks find_text_marks(const Tokenizer& tokenizer) {
    TextMarks marks{tokenizer.special().separate, {}};
    std::map<std::int64_t, TokenId> sentinels;
    for (TokenId id = 0; id < tokenizer.vocabulary_size(); ++id) {
        const std::string& token = tokenizer.token(id);
        if (const std::int64_t number = sentinel_number(token); number >= 0) sentinels.emplace(number, id);
        if (marks.end_of_text < 0 && token == "<|endoftext|>") marks.end_of_text = id;
    }
    for (const auto& [number, id] : sentinels) {
        if (number != static_cast<std::int64_t>(marks.sentinels.size())) break;
        marks.sentinels.push_back(id);
    }
    return marks;
}

std::string sentinel_name(std::int64_t number) { return fmt::format("{}{}>", front, number); }

std::vector<std::string> with_sentinels(std::vector<std::string> tokens, std::int64_t count) {
    while (count-- > 0) tokens.push_back(sentinel_name(count));
    return tokens;
}

}  // namespace kohort::text

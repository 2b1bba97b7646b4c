#include "text/added_tokens.h"

#include <algorithm>
#include <cstring>

#include "text/unicode_tables.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

// The last character before `at`; at > 0.
DecodedCharacter decode_before(std::string_view text, std::size_t at) {
    std::size_t begin = at - 1;
    while (begin > 0 && at - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
    return decode(text.data() + begin, text.data() + at);
}

bool strips(const AddedToken& token, char32_t code) {
    return is_white_space(code) || (token.strips_as_python && code >= 0x1C && code <= 0x1F);
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
    std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
    const auto first_byte = [](const AddedToken& token) { return static_cast<unsigned char>(token.content[0]); };
    std::stable_sort(tokens_.begin(), tokens_.end(), [&](const AddedToken& a, const AddedToken& b) {
        if (first_byte(a) != first_byte(b)) return first_byte(a) < first_byte(b);
        return a.content.size() > b.content.size();
    });
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
        auto& [first, last] = by_first_byte_[first_byte(tokens_[i])];
        if (last == 0) first = static_cast<std::int32_t>(i);
        last = static_cast<std::int32_t>(i) + 1;
    }
    if (!tokens_.empty() && first_byte(tokens_.front()) == first_byte(tokens_.back()))
        only_first_byte_ = first_byte(tokens_.front());
}

std::optional<AddedTokenFinder::Match> AddedTokenFinder::find(std::string_view text, std::size_t search,
                                                              std::size_t floor) const {
    if (tokens_.empty()) return std::nullopt;
    for (std::size_t at = search; at < text.size();) {
        if (only_first_byte_ >= 0) {
            const void* next = std::memchr(text.data() + at, only_first_byte_, text.size() - at);
            if (!next) return std::nullopt;
            at = static_cast<std::size_t>(static_cast<const char*>(next) - text.data());
        }
        const auto [first, last] = by_first_byte_[static_cast<unsigned char>(text[at])];
        const AddedToken* found = nullptr;
        for (std::int32_t i = first; i < last && !found; ++i)
            if (text.substr(at).starts_with(tokens_[static_cast<std::size_t>(i)].content)) found = &tokens_[static_cast<std::size_t>(i)];
        if (!found) {
            ++at;
            continue;
        }
        std::size_t begin = at, end = at + found->content.size();
        const std::size_t search_next = end;
        if (found->single_word) {
            const bool before = begin > 0 && is_word_character(decode_before(text, begin).code);
            const bool after = end < text.size() && is_word_character(decode(text.data() + end, text.data() + text.size()).code);
            if (before || after) {
                at = end;
                continue;
            }
        }
        if (found->lstrip) {
            while (begin > floor) {
                const DecodedCharacter character = decode_before(text, begin);
                if (!strips(*found, character.code)) break;
                begin -= static_cast<std::size_t>(character.length);
            }
            begin = std::min(std::max(begin, floor), end);
        }
        if (found->rstrip) {
            while (end < text.size()) {
                const DecodedCharacter character = decode(text.data() + end, text.data() + text.size());
                if (!strips(*found, character.code)) break;
                end += static_cast<std::size_t>(character.length);
            }
        }
        return Match{begin, end, found->strips_as_python ? end : search_next, found->id};
    }
    return std::nullopt;
}

}  // namespace kohort::text

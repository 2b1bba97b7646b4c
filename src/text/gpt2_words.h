// Cuts a text into the words of GPT-2's tokenizer, which merges never cross: English contractions, letters, digits or
// other characters in a row, each with the blank before it, and white space. The pattern is the one of Radford et al.'s
// encoder.py ('s|'t|'re|'ve|'m|'ll|'d, letters, numbers, others, white space that ends the text or stands before
// other white space, white space), taken from left to right with the first alternative that fits.
#pragma once

#include <cstdint>
#include <string_view>

#include "text/utf8.h"

namespace kohort::text {

enum class Gpt2Kind : std::uint8_t { letter, number, space, other };

// Of each code point below U+10000.
const Gpt2Kind* gpt2_kinds();
Gpt2Kind gpt2_kind_of(char32_t code);

// Calls visit(std::string_view word) for each word until it returns false; together the words are the text, which must
// be valid UTF-8.
template <class Visit>
void for_each_gpt2_word(std::string_view text, Visit&& visit) {
    const Gpt2Kind* const kinds = gpt2_kinds();
    const auto kind_at = [&](std::size_t at, std::size_t& length) {
        const auto character = decode(text.data() + at, text.data() + text.size());
        length = static_cast<std::size_t>(character.length);
        return character.code < 0x10000 ? kinds[character.code] : gpt2_kind_of(character.code);
    };
    const auto contraction = [&](std::size_t at) -> std::size_t {
        if (text[at] != '\'') return 0;
        for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
            if (text.substr(at).starts_with(ending)) return ending.size();
        return 0;
    };
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + contraction(at);
        if (end == at) {
            std::size_t length = 0;
            const std::size_t begin = at + (text[at] == ' ' && at + 1 < text.size());
            const Gpt2Kind kind = kind_at(begin, length);
            if (kind != Gpt2Kind::space) {
                for (end = begin + length; end < text.size() && kind_at(end, length) == kind;) end += length;
            } else {
                // A row of white space; its last character is left to the word that follows, where there is one.
                std::size_t last = at;
                for (end = at; end < text.size() && kind_at(end, length) == Gpt2Kind::space;) last = end, end += length;
                if (end < text.size() && last > at) end = last;
            }
        }
        if (!visit(text.substr(at, end - at))) return;
        at = end;
    }
}

}  // namespace kohort::text

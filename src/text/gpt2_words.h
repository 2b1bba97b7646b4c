// Cuts a text into the words of GPT-2's tokenizer, which merges never cross: English contractions, letters, digits or
// other characters in a row, each with the blank before it, and white space. The pattern is the one of Radford et al.'s
// encoder.py ('s|'t|'re|'ve|'m|'ll|'d, letters, numbers, others, white space that ends the text or stands before
// other white space, white space), taken from left to right with the first alternative that fits.
#pragma once

#include <string_view>

#include "text/unicode_tables.h"
#include "text/utf8.h"

namespace kohort::text {

// Calls visit(std::string_view word) for each word; together they are the text, which must be valid UTF-8.
template <class Visit>
void for_each_gpt2_word(std::string_view text, Visit&& visit) {
    enum class Kind { letter, number, space, other };
    const auto kind_at = [&](std::size_t at, int& length) {
        const auto character = decode(text.data() + at, text.data() + text.size());
        length = character.length;
        if (is_letter(character.code)) return Kind::letter;
        if (is_number(character.code)) return Kind::number;
        return is_white_space(character.code) ? Kind::space : Kind::other;
    };
    const auto contraction = [&](std::size_t at) -> std::size_t {
        for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
            if (text.substr(at).starts_with(ending)) return ending.size();
        return 0;
    };
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + contraction(at);
        if (end == at) {
            int length = 0;
            const std::size_t begin = at + (text[at] == ' ' && at + 1 < text.size());
            const Kind kind = kind_at(begin, length);
            if (kind != Kind::space) {
                for (end = begin; end < text.size() && kind_at(end, length) == kind;) end += static_cast<std::size_t>(length);
            } else {
                // A row of white space; its last character is left to the word that follows, where there is one.
                std::size_t last = at;
                for (end = at; end < text.size() && kind_at(end, length) == Kind::space;) last = end, end += static_cast<std::size_t>(length);
                if (end < text.size() && last > at) end = last;
            }
        }
        visit(text.substr(at, end - at));
        at = end;
    }
}

}  // namespace kohort::text

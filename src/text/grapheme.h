// Extended grapheme clusters (Unicode Standard Annex 29): what a reader takes for one character.
#pragma once

#include <cstdint>
#include <string_view>

#include "text/utf8.h"

namespace kohort::text {

// Whether a cluster ends between two neighbours. state: 0 at the beginning of a text, and kept between calls.
bool is_grapheme_break(char32_t before, char32_t after, std::int32_t& state);

// visit(std::string_view cluster, std::size_t first_length) for every cluster; first_length: bytes of its first
// character. The text must be valid UTF-8.
template <class Visit>
void for_each_grapheme(std::string_view text, Visit&& visit) {
    const char* const end = text.data() + text.size();
    const char* begin = text.data();
    if (begin == end) return;
    auto character = decode(begin, end);
    int first_length = character.length;
    std::int32_t state = 0;
    const auto visit_up_to = [&](const char* at) {
        visit(std::string_view(begin, static_cast<std::size_t>(at - begin)), static_cast<std::size_t>(first_length));
    };
    for (const char* at = begin + character.length; at < end;) {
        const auto next = decode(at, end);
        // Letters of ASCII are common, and never join.
        const bool letters = character.code >= ' ' && character.code < 0x7F && next.code >= ' ' && next.code < 0x7F;
        if (letters || is_grapheme_break(character.code, next.code, state)) {
            visit_up_to(at);
            begin = at;
            first_length = next.length;
            state = 0;
        }
        at += next.length;
        character = next;
    }
    visit_up_to(end);
}

}  // namespace kohort::text

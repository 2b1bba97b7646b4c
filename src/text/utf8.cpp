#include "text/utf8.h"

#include <algorithm>

namespace kohort::text {

DecodedCharacter decode_multibyte(const char* at, const char* end) {
    const auto lead = static_cast<unsigned char>(*at);
    // The second byte's range depends on the first (Unicode 15.0, table 3-7): it shuts out overlong forms,
    // surrogates and what lies beyond U+10FFFF.
    unsigned char low = 0x80, high = 0xBF;
    int following = 0;
    char32_t code = 0;
    if (lead >= 0xC2 && lead <= 0xDF) {
        following = 1;
        code = lead & 0x1F;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        following = 2;
        code = lead & 0x0F;
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        following = 3;
        code = lead & 0x07;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
    } else {
        return {replacement_character, 1, false};
    }
    for (int i = 1; i <= following; ++i) {
        if (at + i >= end) return {replacement_character, i, false};
        const auto byte = static_cast<unsigned char>(at[i]);
        if (byte < low || byte > high) return {replacement_character, i, false};
        code = code << 6 | (byte & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    return {code, following + 1, true};
}

void append_utf8(char32_t code, std::string& to) {
    const auto put = [&to](char32_t byte) { to.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
}

bool is_valid_utf8(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        const DecodedCharacter character = decode(at, end);
        if (!character.valid) return false;
        at += character.length;
    }
    return true;
}

std::int64_t count_characters(std::string_view text) {
    std::int64_t count = 0;
    for_each_character(text, [&](char32_t) { ++count; });
    return count;
}

std::u32string to_code_points(std::string_view text) {
    std::u32string codes;
    codes.reserve(text.size());
    for_each_character(text, [&](char32_t code) { codes.push_back(code); });
    return codes;
}

std::string to_utf8(std::u32string_view codes) {
    std::string text;
    text.reserve(codes.size() * 3);
    for (const char32_t code : codes) append_utf8(code, text);
    return text;
}

std::string repair_utf8(std::string_view text) {
    std::string repaired;
    repaired.reserve(text.size());
    for_each_character(text, [&](char32_t code) { append_utf8(code, repaired); });
    return repaired;
}

std::string_view cut_to_bytes(std::string_view text, std::int64_t most) {
    auto size = static_cast<std::size_t>(std::max<std::int64_t>(most, 0));
    if (size >= text.size()) return text;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
    return text.substr(0, size);
}

}  // namespace kohort::text

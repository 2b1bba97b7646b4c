// UTF-8 in and out, one code point at a time. Bytes that are not UTF-8 count as U+FFFD, one for each maximal
// subpart (Unicode 15.0, section 3.9, "U+FFFD Substitution of Maximal Subparts"), as Rust and Python do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kohort::text {

inline constexpr char32_t replacement_character = 0xFFFD;

struct DecodedCharacter {
    char32_t code;
    int length;  // bytes read, 1 to 4
    bool valid;  // false: code is U+FFFD and the bytes are no character
};

// The character at `at`; at < end.
DecodedCharacter decode_multibyte(const char* at, const char* end);

inline DecodedCharacter decode(const char* at, const char* end) {
    const auto lead = static_cast<unsigned char>(*at);
    if (lead < 0x80) return {lead, 1, true};
    // Three bytes that begin with E1..EC or EE, EF carry no further restriction: most Han characters take this way.
    if ((lead & 0xF0) == 0xE0 && lead != 0xE0 && lead != 0xED && end - at >= 3) {
        const auto second = static_cast<unsigned char>(at[1]), third = static_cast<unsigned char>(at[2]);
        if ((second & 0xC0) == 0x80 && (third & 0xC0) == 0x80)
            return {static_cast<char32_t>((lead & 0x0F) << 12 | (second & 0x3F) << 6 | (third & 0x3F)), 3, true};
    }
    return decode_multibyte(at, end);
}

// `code` is a Unicode scalar value.
void append_utf8(char32_t code, std::string& to);

bool is_valid_utf8(std::string_view text);

// Code points in the text (an invalid subpart counts as one).
std::int64_t count_characters(std::string_view text);

std::u32string to_code_points(std::string_view text);
std::string to_utf8(std::u32string_view codes);

// The text with every invalid subpart replaced by U+FFFD.
std::string repair_utf8(std::string_view text);

// The longest prefix of valid UTF-8 that has at most `most` bytes and does not cut a character.
std::string_view cut_to_bytes(std::string_view text, std::int64_t most);

// visit(code) for every code point of the text.
template <class Visit>
void for_each_character(std::string_view text, Visit&& visit) {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        const DecodedCharacter character = decode(at, end);
        visit(character.code);
        at += character.length;
    }
}

}  // namespace kohort::text

#include "text/text_normalizer.h"

#include "text/normal_form.h"
#include "text/unicode_tables.h"
#include "text/utf8.h"

namespace kohort::text {

TextNormalizer::Step strip_step(bool left, bool right) {
    return [left, right](std::string& text) {
        std::size_t begin = text.size(), end = 0, at = 0;
        for (; at < text.size();) {
            const auto character = decode(text.data() + at, text.data() + text.size());
            if (!is_white_space(character.code)) {
                begin = std::min(begin, at);
                end = at + static_cast<std::size_t>(character.length);
            }
            at += static_cast<std::size_t>(character.length);
        }
        if (right) text.resize(end);
        if (left) text.erase(0, begin);
    };
}

TextNormalizer::Step replace_step(std::string pattern, std::string content) {
    return [pattern = std::move(pattern), content = std::move(content)](std::string& text) {
        std::size_t found = text.find(pattern);
        if (found == text.npos) return;
        std::string changed;
        std::size_t from = 0;
        for (; found != text.npos; found = text.find(pattern, from)) {
            changed.append(text, from, found - from).append(content);
            from = found + pattern.size();
        }
        text = changed.append(text, from);
    };
}

TextNormalizer::Step replace_blanks_step(std::size_t least, std::string content) {
    return [least, content = std::move(content)](std::string& text) {
        const std::string row(least, ' ');
        std::size_t found = text.find(row);
        if (found == text.npos) return;
        std::string changed;
        std::size_t from = 0;
        for (; found != text.npos; found = text.find(row, from)) {
            changed.append(text, from, found - from).append(content);
            from = std::min(text.find_first_not_of(' ', found), text.size());
        }
        text = changed.append(text, from);
    };
}

TextNormalizer::Step prepend_step(std::string content) {
    return [content = std::move(content)](std::string& text) {
        if (!text.empty()) text.insert(0, content);
    };
}

TextNormalizer::Step lowercase_step() {
    return [](std::string& text) {
        std::u32string small;
        for_each_character(text, [&](char32_t code) { append_lowercase(code, small); });
        text = to_utf8(small);
    };
}

TextNormalizer::Step nfkc_step() {
    return [](std::string& text) {
        // ASCII, Han characters and the commonest Chinese signs stay as they are.
        bool stays = true;
        for_each_character(text, [&](char32_t code) {
            stays = stays && (code < 0x80 || (code >= 0x4E00 && code < 0xA000) || (code > 0x3000 && code < 0x302A));
        });
        if (!stays) text = to_utf8(compose_compatibly(to_code_points(text)));
    };
}

}  // namespace kohort::text

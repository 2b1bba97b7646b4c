#include "text/normalizer.h"

#include <algorithm>

#include "text/normal_form.h"
#include "text/unicode_tables.h"
#include "text/utf8.h"

namespace kohort::text {

std::u32string normalize(std::string_view utf8, const BertNormalizerOptions& options) {
    return normalize(to_code_points(utf8), options);
}

std::u32string normalize(std::u32string text, const BertNormalizerOptions& options) {
    if (options.clean_text) {
        std::erase_if(text, [](char32_t code) { return code == 0 || code == replacement_character || is_control(code); });
        for (char32_t& code : text)
            if (is_white_space(code)) code = U' ';
    }
    if (options.handle_chinese_chars && std::any_of(text.begin(), text.end(), is_chinese)) {
        std::u32string spaced;
        spaced.reserve(text.size() * 3);
        for (const char32_t code : text) {
            if (is_chinese(code)) spaced += {U' ', code, U' '};
            else spaced.push_back(code);
        }
        text = std::move(spaced);
    }
    if (options.strips_accents()) {
        text = decompose_canonically(text);
        std::erase_if(text, is_nonspacing_mark);
    }
    if (!options.lowercase) return text;
    std::u32string small;
    small.reserve(text.size());
    for (const char32_t code : text) append_lowercase(code, small);
    return small;
}

std::vector<std::u32string> split_words(std::u32string_view normalized) {
    std::vector<std::u32string> words;
    std::u32string word;
    const auto end_word = [&] {
        if (!word.empty()) words.push_back(std::move(word));
        word.clear();
    };
    for (const char32_t code : normalized) {
        if (is_white_space(code)) {
            end_word();
        } else if (is_punctuation(code)) {
            end_word();
            words.emplace_back(1, code);
        } else {
            word.push_back(code);
        }
    }
    end_word();
    return words;
}

}  // namespace kohort::text

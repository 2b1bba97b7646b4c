// What Hugging Face's Rust tokenizers take for control, white space, punctuation and accents. Their crates freeze
// old versions of Unicode (categories: 8.0, normalisation: 9.0, regular expressions: 14.0); utf8proc knows 15.0. The
// ranges in which the two differ are listed in the .cpp file, so that every code point gives the same ids.
#pragma once

#include <string>

namespace kohort::text {

bool is_unassigned(char32_t code);        // Cn in 15.0
bool is_control(char32_t code);           // removed by clean_text: Cc, Cf, Co, but not tab, line feed, return
bool is_white_space(char32_t code);       // Unicode's White_Space property
bool is_punctuation(char32_t code);       // ASCII's symbols and every P* category
bool is_nonspacing_mark(char32_t code);   // Mn
bool is_chinese(char32_t code);           // BERT's eight Han ranges, the one of Extension E from U+2B920 as Rust has it
bool is_word_character(char32_t code);    // \w: letters, marks, decimal digits, connectors, joiners
bool is_letter(char32_t code);            // \p{L} of their regular expressions (Oniguruma)
bool is_number(char32_t code);            // \p{N}
int combining_class(char32_t code);       // canonical combining class, 0 for a starter

void append_canonical_decomposition(char32_t code, std::u32string& to);      // full, unordered
void append_compatibility_decomposition(char32_t code, std::u32string& to);  // full, unordered
void append_lowercase(char32_t code, std::u32string& to);                // full mapping without context

}  // namespace kohort::text

// The words of a text as a reader sees them, for naming segments: Han text is cut by ICU's dictionary, other
// scripts at Unicode's word boundaries (UAX 29). These are words for people, not the pieces of a model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kohort::text {

enum class WordKind {
    han,     // Han characters
    kana,    // Hiragana and Katakana
    letter,  // any other word with a letter in it ("iphone15")
    number   // digits, with their separators ("3.5", "1,000")
};

struct Word {
    std::string_view text;  // part of the given text
    WordKind kind;
};

// In the order of the text; white space and punctuation are left out. Invalid bytes belong to no word. Thread-safe:
// each thread has an iterator of its own. Error(environment) where ICU's data is missing.
std::vector<Word> words(std::string_view utf8);

// Small letters, character by character, without context or language.
std::string lowercase(std::string_view utf8);

// "ICU 72.1, Unicode 15.0": what the cut depends on.
std::string word_rules_version();

}  // namespace kohort::text

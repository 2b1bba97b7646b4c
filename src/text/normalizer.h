// BERT's normaliser and word splitter, text by text: the plain form that says what is meant. character_map.h is
// the fast form of the same thing; a test holds them together.
// Source: Devlin et al., BERT, tokenization.py (BasicTokenizer); order of steps and Unicode as in Hugging Face's
// Rust tokenizers (BertNormalizer, BertPreTokenizer).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kohort::text {

struct BertNormalizerOptions {
    bool clean_text = true;            // drop control characters, white space becomes U+0020
    bool handle_chinese_chars = true;  // every Han character is a word
    std::optional<bool> strip_accents = {};  // canonical decomposition without nonspacing marks; unset: as lowercase
    bool lowercase = true;

    bool strips_accents() const { return strip_accents.value_or(lowercase); }
    bool operator==(const BertNormalizerOptions&) const = default;
};

// Hugging Face's normalize_str. Invalid bytes count as U+FFFD (which clean_text drops).
std::u32string normalize(std::string_view utf8, const BertNormalizerOptions& options);
std::u32string normalize(std::u32string text, const BertNormalizerOptions& options);

// The words of a normalised text: split at white space, every punctuation character a word.
std::vector<std::u32string> split_words(std::u32string_view normalized);

}  // namespace kohort::text

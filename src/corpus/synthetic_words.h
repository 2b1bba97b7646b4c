// The words that synthetic texts are made of.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kohort::corpus {

struct SyntheticInterest {
    std::string_view name, description;
    std::span<const std::string_view> chinese, english;  // the words that are most its own, commonest first
};

std::span<const SyntheticInterest> synthetic_interests();
std::span<const std::string_view> common_chinese_words();  // that any text may hold
std::span<const std::string_view> common_english_words();

}  // namespace kohort::corpus

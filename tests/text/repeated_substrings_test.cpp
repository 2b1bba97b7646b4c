// Repeated substrings against a count of every substring.
#include "text/repeated_substrings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace kohort::text {
namespace {

WeightedWords words_of(const std::map<std::u32string, std::int64_t>& counts) {
    WeightedWords words;
    for (const auto& [word, count] : counts) {
        words.characters += word;
        words.ends.push_back(static_cast<std::int32_t>(words.characters.size()));
        words.counts.push_back(count);
    }
    return words;
}

struct Occurrences {
    std::int64_t count = 0;
    std::set<char32_t> next;  // what follows; 0: the end of the word
    std::multiset<std::int32_t> places;
};

std::map<std::u32string, Occurrences> every_substring(const std::map<std::u32string, std::int64_t>& counts,
                                                      std::size_t longest) {
    std::map<std::u32string, Occurrences> all;
    std::int32_t before = 0;
    for (const auto& [word, count] : counts) {
        for (std::size_t begin = 0; begin < word.size(); ++begin)
            for (std::size_t length = 2; length <= longest && begin + length <= word.size(); ++length) {
                auto& entry = all[word.substr(begin, length)];
                entry.count += count;
                // No longer one is looked at, so every one of this length stands for itself.
                entry.next.insert(length == longest              ? static_cast<char32_t>(entry.places.size() + 1)
                                  : begin + length < word.size() ? word[begin + length] + 0x110000
                                                                 : static_cast<char32_t>(entry.places.size() + 1));
                entry.places.insert(before + static_cast<std::int32_t>(begin));
            }
        before += static_cast<std::int32_t>(word.size());
    }
    return all;
}

TEST(RepeatedSubstrings, are_those_of_a_plain_count) {
    std::mt19937 random(5);
    for (int round = 0; round < 60; ++round) {
        std::map<std::u32string, std::int64_t> counts;
        const std::size_t letters = 1 + random() % 4;
        for (std::size_t words = 1 + random() % 30; words > 0; --words) {
            std::u32string word;
            for (std::size_t length = 1 + random() % 12; length > 0; --length) word += U"a中b\U0010FFFF"[random() % letters];
            counts[word] += 1 + static_cast<std::int64_t>(random() % 3);
        }
        const std::size_t longest = 2 + random() % 8;
        const std::int64_t least = 1 + static_cast<std::int64_t>(random() % 3);
        const auto words = words_of(counts);
        const RepeatedSubstrings repeated(words, static_cast<int>(longest), least);
        ASSERT_EQ(repeated.suffixes().size(), words.characters.size());

        std::map<std::u32string, std::multiset<std::int32_t>> found, expected;
        for (const auto& [length, first, last, count] : repeated.found()) {
            const auto& suffixes = repeated.suffixes();
            const std::multiset<std::int32_t> places(suffixes.begin() + first, suffixes.begin() + last);
            const auto text =
                words.characters.substr(static_cast<std::size_t>(*places.begin()), static_cast<std::size_t>(length));
            ASSERT_TRUE(found.emplace(text, places).second) << "comes twice";
            EXPECT_EQ(count, every_substring(counts, longest).at(text).count);
        }
        for (const auto& [text, entry] : every_substring(counts, longest)) {
            // One that always goes on the same way is stood for by the longer one.
            const bool goes_on_alike = entry.next.size() == 1 && *entry.next.begin() >= 0x110000;
            if (entry.count >= least && !goes_on_alike) expected.emplace(text, entry.places);
        }
        EXPECT_EQ(found, expected);
    }
}

}  // namespace
}  // namespace kohort::text

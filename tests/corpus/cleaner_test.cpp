#include "corpus/cleaner.h"

#include <gtest/gtest.h>

#include <random>

namespace kohort::corpus {
namespace {

TEST(Cleaner, folds_width_and_compatibility_forms) {  // NFKC
    EXPECT_EQ(cleaned("ＡＢＣ１２３，（好）！"), "ABC123,(好)!");
    EXPECT_EQ(cleaned("ﬁne ①②"), "fine 12");
    EXPECT_EQ(cleaned("e\u0301"), "é");
    EXPECT_EQ(cleaned("ｶﾞ"), "ガ");
    EXPECT_EQ(cleaned("한"), "한");
    EXPECT_EQ(cleaned("㎏"), "kg");
}

TEST(Cleaner, collapses_white_space_and_drops_what_cannot_be_seen) {
    EXPECT_EQ(cleaned("  a \t\r\n b\u3000\u00A0c  "), "a b c");
    EXPECT_EQ(cleaned("a\u0001b\u200Bc\uFEFFd\u00ADe"), "abcde");
    EXPECT_EQ(cleaned("e\u200B\u0301"), "é");  // removed before composing
    EXPECT_EQ(cleaned(" \u2028\u0085 "), "");
    EXPECT_EQ(cleaned("👩\u200D💻"), "👩\u200D💻");  // joiners make the emoji
    EXPECT_EQ(cleaned(""), "");
}

TEST(Cleaner, text_that_is_clean_stays_as_it_is) {
    for (const std::string_view text : {"hello world", "漂亮的手机 性价比高", "naïve café", "Ω≈ç√∫"}) EXPECT_EQ(cleaned(text), text);
}

void append_utf8(std::string& text, char32_t c) {
    if (c < 0x80) text += static_cast<char>(c);
    else if (c < 0x800) (text += static_cast<char>(0xC0 | c >> 6)) += static_cast<char>(0x80 | (c & 63));
    else if (c < 0x10000)
        ((text += static_cast<char>(0xE0 | c >> 12)) += static_cast<char>(0x80 | (c >> 6 & 63))) += static_cast<char>(0x80 | (c & 63));
    else
        (((text += static_cast<char>(0xF0 | c >> 18)) += static_cast<char>(0x80 | (c >> 12 & 63))) +=
         static_cast<char>(0x80 | (c >> 6 & 63))) += static_cast<char>(0x80 | (c & 63));
}

std::string plainly(std::string_view text) {
    std::string out;
    clean_text_plainly(text, out);
    return out;
}

TEST(Cleaner, every_character_alone_and_between_letters_is_cleaned_as_defined) {
    for (char32_t c = 1; c < 0x30000; ++c) {
        if (c >= 0xD800 && c < 0xE000) continue;
        std::string alone, between;
        append_utf8(alone, c);
        between = "a" + alone + "\u0301 x " + alone;
        ASSERT_EQ(cleaned(alone), plainly(alone)) << std::hex << static_cast<unsigned>(c);
        ASSERT_EQ(cleaned(between), plainly(between)) << std::hex << static_cast<unsigned>(c);
    }
}

TEST(Cleaner, mixtures_are_cleaned_as_defined_and_cleaning_twice_changes_nothing) {
    std::mt19937 random(17);
    const std::pair<char32_t, char32_t> ranges[] = {{0x20, 0x7E}, {0x1, 0x1F}, {0xA0, 0x24F}, {0x300, 0x36F}, {0x1100, 0x11FF},
                                                    {0x2000, 0x206F}, {0x3000, 0x30FF}, {0x4E00, 0x4FFF}, {0xAC00, 0xAD00},
                                                    {0xF900, 0xFAFF}, {0xFB00, 0xFEFF}, {0xFF00, 0xFFEF}, {0x1F300, 0x1F6FF}};
    for (int round = 0; round < 30'000; ++round) {
        std::string text;
        for (auto length = random() % 12; length > 0; --length) {
            const auto& [first, last] = ranges[random() % std::size(ranges)];
            append_utf8(text, first + static_cast<char32_t>(random() % (last - first + 1)));
        }
        const auto once = cleaned(text);
        ASSERT_EQ(once, plainly(text)) << text;
        ASSERT_EQ(cleaned(once), once) << text;
    }
}

}  // namespace
}  // namespace kohort::corpus

#include "text/utf8.h"

#include <gtest/gtest.h>

namespace kohort::text {
namespace {

TEST(Utf8, every_scalar_value_survives_the_round_trip) {
    for (char32_t code = 0; code < 0x110000; ++code) {
        if (code >= 0xD800 && code < 0xE000) continue;
        std::string text;
        append_utf8(code, text);
        const DecodedCharacter character = decode(text.data(), text.data() + text.size());
        ASSERT_TRUE(character.valid) << static_cast<std::uint32_t>(code);
        ASSERT_EQ(character.code, code);
        ASSERT_EQ(character.length, static_cast<int>(text.size()));
    }
}

// The examples of Unicode 15.0, tables 3-8 to 3-11.
TEST(Utf8, replaces_each_maximal_subpart_once) {
    const std::string r = "\uFFFD";
    EXPECT_EQ(repair_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82" "A"), r + r + r + r + r + r + r + r + "A");
    EXPECT_EQ(repair_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF" "A"), r + r + r + r + r + r + r + r + "A");
    EXPECT_EQ(repair_utf8("\xF4\x91\x92\x93\xFF" "A\x80\xBF" "B"), r + r + r + r + r + "A" + r + r + "B");
    EXPECT_EQ(repair_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF" "A"), r + r + r + r + "A");
    EXPECT_EQ(repair_utf8("手\xE6\x89"), "手" + r);
}

TEST(Utf8, knows_valid_from_invalid) {
    EXPECT_TRUE(is_valid_utf8(""));
    EXPECT_TRUE(is_valid_utf8("a手😀"));
    EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));
    EXPECT_FALSE(is_valid_utf8("手\xE6\x89"));
    EXPECT_EQ(count_characters("a手😀\xE6\x89"), 4);
}

TEST(Utf8, a_cut_never_splits_a_character) {
    EXPECT_EQ(cut_to_bytes("a手b", 0), "");
    EXPECT_EQ(cut_to_bytes("a手b", 1), "a");
    EXPECT_EQ(cut_to_bytes("a手b", 3), "a");
    EXPECT_EQ(cut_to_bytes("a手b", 4), "a手");
    EXPECT_EQ(cut_to_bytes("a手b", 9), "a手b");
}

}  // namespace
}  // namespace kohort::text

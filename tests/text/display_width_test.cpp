#include "text/display_width.h"

#include <gtest/gtest.h>

#include "text/utf8.h"

namespace kohort::text {
namespace {

TEST(DisplayWidth, follows_east_asian_width) {
    EXPECT_EQ(display_width(""), 0);
    EXPECT_EQ(display_width("abc"), 3);
    EXPECT_EQ(display_width("手机"), 4);
    EXPECT_EQ(display_width("ＡＢ，"), 6);
    EXPECT_EQ(display_width("ｱ"), 1);
    EXPECT_EQ(display_width("한국"), 4);
}

TEST(DisplayWidth, counts_what_is_drawn_as_one_once) {
    EXPECT_EQ(display_width("e\u0301"), 1);
    EXPECT_EQ(display_width("😀"), 2);
    EXPECT_EQ(display_width("👨\u200D👩\u200D👧"), 2);
    EXPECT_EQ(display_width("🇨🇳"), 2);
    EXPECT_EQ(display_width("❤\uFE0F"), 2);
    EXPECT_EQ(display_width("\u200B\a"), 0);
}

TEST(DisplayWidth, cuts_behind_whole_characters_and_leaves_room_for_the_ellipsis) {
    EXPECT_EQ(cut_to_width("手机壳", 6), "手机壳");
    EXPECT_EQ(cut_to_width("手机壳", 5), "手机…");
    EXPECT_EQ(cut_to_width("手机壳", 4), "手…");
    EXPECT_EQ(cut_to_width("手机壳", 1), "…");
    EXPECT_EQ(cut_to_width("手机壳", 0), "");
    EXPECT_EQ(cut_to_width("ab cd", 4), "ab…");
    EXPECT_EQ(cut_to_width("👨\u200D👩\u200D👧 x y", 4), "👨\u200D👩\u200D👧…");
}

TEST(DisplayWidth, a_cut_text_is_never_wider_than_asked) {
    const std::string text = "Ａe\u0301手a🇨🇳b👨\u200D👩\u200D👧한c\xFF ｱ，end of it";
    for (int columns = 0; columns <= display_width(text) + 1; ++columns) {
        const std::string cut = cut_to_width(text, columns);
        EXPECT_LE(display_width(cut), columns);
        EXPECT_EQ(cut == text, columns >= display_width(text)) << columns;
    }
}

}  // namespace
}  // namespace kohort::text

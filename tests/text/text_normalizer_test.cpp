#include "text/text_normalizer.h"

#include <gtest/gtest.h>

namespace kohort::text {
namespace {

std::string after(const TextNormalizer::Step& step, std::string text) {
    step(text);
    return text;
}

TEST(TextNormalizer, steps_do_what_they_say) {
    EXPECT_EQ(after(strip_step(true, true), "\u3000 a b\t\n"), "a b");
    EXPECT_EQ(after(strip_step(true, false), " a "), "a ");
    EXPECT_EQ(after(strip_step(false, true), " a\u2003"), " a");
    EXPECT_EQ(after(strip_step(false, false), " a "), " a ");
    EXPECT_EQ(after(strip_step(true, false), " \t"), "");
    EXPECT_EQ(after(replace_step("aa", "b"), "aaaxa"), "baxa");
    EXPECT_EQ(after(replace_step("a", "aa"), "axa"), "aaxaa");
    EXPECT_EQ(after(replace_step("a", ""), "axa"), "x");
    EXPECT_EQ(after(replace_blanks_step(2, "▁"), "a b  c   "), "a b▁c▁");
    EXPECT_EQ(after(replace_blanks_step(2, "▁"), "\t\t a"), "\t\t a");
    EXPECT_EQ(after(prepend_step("x"), "a"), "xa");
    EXPECT_EQ(after(prepend_step("x"), ""), "");
    EXPECT_EQ(after(lowercase_step(), "AÉΩ中İ"), "aéω中i\u0307");
}

TEST(TextNormalizer, steps_are_taken_in_order) {
    TextNormalizer normalizer;
    EXPECT_TRUE(normalizer.empty());
    normalizer.add(replace_step("b", " "));
    normalizer.add(strip_step(false, true));
    std::string text = "ab";
    normalizer.normalize(text);
    EXPECT_EQ(text, "a");
}

}  // namespace
}  // namespace kohort::text

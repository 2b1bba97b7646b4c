#include "text/text_normalizer.h"

#include <gtest/gtest.h>

#include "random_text.h"
#include "text/normal_form.h"
#include "text/utf8.h"

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

TEST(TextNormalizer, nfkc_is_that_of_the_code_points_also_where_it_looks_no_further) {
    RandomText noise(8);
    for (int i = 0; i < 2000; ++i) {
        const std::string text = repair_utf8(noise.next()) + "中文，。《》" + (i % 2 ? "ＡＢ" : "");
        ASSERT_EQ(after(nfkc_step(), text), to_utf8(compose_compatibly(to_code_points(text))));
    }
    for (char32_t code = 0x3000; code < 0xA000; ++code) {
        const std::string text = to_utf8(std::u32string{U'中', code});
        ASSERT_EQ(after(nfkc_step(), text), to_utf8(compose_compatibly(to_code_points(text)))) << std::hex << static_cast<unsigned>(code);
    }
    // Forms that came after Unicode 9.0 stay, as Hugging Face's tokenizers have it.
    for (const char* text : {"\u32FF", "\U0001F16C", "\U00011935\U00011930"}) EXPECT_EQ(after(nfkc_step(), text), text);
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

#include "text/word_iterator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "text/utf8.h"

namespace kohort::text {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> texts(std::string_view utf8) {
    std::vector<std::string> found;
    for (const Word& word : words(utf8)) found.emplace_back(word.text);
    return found;
}

TEST(WordIterator, cuts_han_text_by_its_dictionary) {
    EXPECT_THAT(texts("我们在北京大学学习。"), ElementsAre("我们", "在", "北京", "大学", "学习"));
}

TEST(WordIterator, tells_words_numbers_and_scripts_apart) {
    const auto found = words("Apple的iPhone15 卖3,999.50元, すし!");
    ASSERT_EQ(found.size(), 7u);
    EXPECT_EQ(found[0].text, "Apple");
    EXPECT_EQ(found[0].kind, WordKind::letter);
    EXPECT_EQ(found[1].kind, WordKind::han);
    EXPECT_EQ(found[2].text, "iPhone15");
    EXPECT_EQ(found[2].kind, WordKind::letter);
    EXPECT_EQ(found[4].text, "3,999.50");
    EXPECT_EQ(found[4].kind, WordKind::number);
    EXPECT_EQ(found[6].kind, WordKind::kana);
}

TEST(WordIterator, leaves_out_space_punctuation_and_invalid_bytes) {
    EXPECT_THAT(texts(""), IsEmpty());
    EXPECT_THAT(texts(" \t，。！… "), IsEmpty());
    EXPECT_THAT(texts("a\xFF" "b"), ElementsAre("a", "b"));
    EXPECT_THAT(texts("\xE4\xB8"), IsEmpty());
}

TEST(WordIterator, words_are_views_into_the_given_text) {
    const std::string text = "买 手机 online";
    for (const Word& word : words(text)) {
        EXPECT_GE(word.text.data(), text.data());
        EXPECT_LE(word.text.data() + word.text.size(), text.data() + text.size());
    }
}

TEST(WordIterator, threads_do_not_disturb_each_other) {
    const std::string chinese = "我们在北京大学学习计算机", english = "don't panic about 42 things";
    const auto expected_chinese = texts(chinese), expected_english = texts(english);
    std::vector<std::thread> threads;
    std::vector<int> wrong(4, 0);
    for (std::size_t t = 0; t < wrong.size(); ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 200; ++i)
                wrong[t] += t % 2 ? texts(chinese) != expected_chinese : texts(english) != expected_english;
        });
    for (auto& thread : threads) thread.join();
    EXPECT_THAT(wrong, testing::Each(0));
}

TEST(WordIterator, lowercases_beyond_ascii) { EXPECT_EQ(lowercase("ÀΩЖ手ABC"), "àωж手abc"); }

}  // namespace
}  // namespace kohort::text

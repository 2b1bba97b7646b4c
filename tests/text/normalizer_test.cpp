#include "text/normalizer.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "random_text.h"
#include "text/character_map.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

// Small letters that came with Unicode 16 and 17: newer builds of the peer know them.
bool is_newer_letter(char32_t code) {
    constexpr char32_t single[] = {0x1C89, 0xA7CB, 0xA7CC, 0xA7CE, 0xA7D2, 0xA7D4, 0xA7DA, 0xA7DC};
    for (const char32_t known : single)
        if (code == known) return true;
    return (code >= 0x10D50 && code <= 0x10D65) || (code >= 0x16EA0 && code <= 0x16EB8);
}

template <class Line>
std::string digest_of_all_characters(Line&& line) {
    base::Sha256 hash;
    for (char32_t code = 0; code < 0x110000; ++code) {
        if ((code >= 0xD800 && code < 0xE000) || is_newer_letter(code)) continue;
        hash.update(line(code) + "\n");
    }
    return hash.hex();
}

std::string normalized_digest(const BertNormalizerOptions& options) {
    return digest_of_all_characters([&](char32_t code) { return to_utf8(normalize(std::u32string{U'a', code, 0x316, U'b'}, options)); });
}

// SHA-256 of what BertNormalizer of the Python package tokenizers 0.23.3 makes of "a" + c + U+0316 + "b", one line a
// code point: every category, decomposition, small letter and mark order at once.
TEST(Normalizer, agrees_with_hugging_face_on_every_code_point) {
    EXPECT_EQ(normalized_digest({}), "32529a64a32dc42dfc0a7359799a7a4be95648d5811516f554f09a44c69f3dee");
    EXPECT_EQ(normalized_digest({.lowercase = false}), "09d3a0b96e92a09b97cd877c46e9497c642cd21ebe8f0effe0acabca6bbca575");
    EXPECT_EQ(normalized_digest({.clean_text = false, .handle_chinese_chars = false, .strip_accents = true, .lowercase = false}),
              "e4bda9e100da67c182692d656edc21dff4ed0dc39d6bb1f4e718e10431ec4188");
    EXPECT_EQ(normalized_digest({.clean_text = false, .handle_chinese_chars = true, .strip_accents = false, .lowercase = true}),
              "0f79f2a73a95ef80b03202ac214cab25039e75a40533baff442c40a358045017");
}

// The same for BertPreTokenizer on "a" + c + "b", the words of a line joined by tabs.
TEST(Normalizer, splits_words_as_hugging_face_at_every_code_point) {
    EXPECT_EQ(digest_of_all_characters([](char32_t code) {
                  std::string line;
                  for (const auto& word : split_words(std::u32string{U'a', code, U'b'})) line += (line.empty() ? "" : "\t") + to_utf8(word);
                  return line;
              }),
              "d775a3b10c090e06fb42fcf97abbc4332dc77797ce4160d3d311374655e432fe");
}

TEST(Normalizer, orders_marks_before_it_drops_them) {
    // These two stay, as they are not nonspacing; U+302E (class 224) comes behind U+1D165 (216).
    EXPECT_EQ(to_utf8(normalize("a\u302E\u0301\U0001D165", {})), "a\U0001D165\u302E");
    EXPECT_EQ(to_utf8(normalize("Kantō lǜshi", {})), "kanto lushi");
    EXPECT_EQ(to_utf8(normalize("İ", {.strip_accents = false})), "i\u0307");
}

struct WordListSink {
    const std::vector<std::string>& alone_words;
    std::vector<std::string> words;
    std::string word;
    std::int64_t characters = 0;

    void byte(char value) { bytes(&value, 1, 1); }
    void bytes(const char* from, std::int64_t length, std::int64_t count) {
        word.append(from, static_cast<std::size_t>(length));
        characters += count;
    }
    void end_word() {
        if (characters == 0) return;
        EXPECT_EQ(characters, count_characters(word));
        words.push_back(std::move(word));
        word.clear();
        characters = 0;
    }
    void alone(std::uint32_t index) { words.push_back(alone_words[index]); }
    static constexpr bool full() { return false; }
};

TEST(CharacterMap, finds_the_words_that_the_plain_form_finds) {
    RandomText random(11);
    int irregular = 0;
    for (int set = 0; set < 16; ++set) {
        const BertNormalizerOptions options{.clean_text = (set & 1) != 0, .handle_chinese_chars = (set & 2) != 0,
                                            .strip_accents = (set & 4) != 0, .lowercase = (set & 8) != 0};
        const CharacterMap map(options);
        for (int i = 0; i < 1500; ++i) {
            const std::string text = random.next();
            WordListSink sink{map.alone_words(), {}, {}};
            if (!map.scan(text, sink)) {
                ++irregular;
                continue;
            }
            std::vector<std::string> expected;
            for (const auto& word : split_words(normalize(text, options))) expected.push_back(to_utf8(word));
            ASSERT_EQ(sink.words, expected) << "options " << set << ": " << testing::PrintToString(text);
        }
    }
    EXPECT_LT(irregular, 16 * 1500 / 2);
}

}  // namespace
}  // namespace kohort::text

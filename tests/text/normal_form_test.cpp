// NFD and NFKC against ICU's.
#include "text/normal_form.h"

#include <gtest/gtest.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "random_text.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

std::u32string by_icu(const icu::Normalizer2* form, const std::u32string& text) {
    UErrorCode code = U_ZERO_ERROR;
    const auto result = form->normalize(
        icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()), static_cast<int32_t>(text.size())), code);
    std::u32string found(static_cast<std::size_t>(result.countChar32()), 0);
    result.toUTF32(reinterpret_cast<UChar32*>(found.data()), static_cast<int32_t>(found.size()), code);
    return found;
}

// Newer characters have no decomposition here, and are no marks: see unicode_tables.h.
bool is_of_unicode_9(char32_t code) {
    UVersionInfo age;
    u_charAge(static_cast<UChar32>(code), age);
    return age[0] <= 9;
}

TEST(NormalForm, is_icus_for_every_character_of_unicode_9) {
    UErrorCode problem = U_ZERO_ERROR;
    const auto *nfd = icu::Normalizer2::getNFDInstance(problem), *nfkc = icu::Normalizer2::getNFKCInstance(problem);
    ASSERT_TRUE(U_SUCCESS(problem));
    for (char32_t code = 0; code < 0x110000; ++code) {
        if ((code >= 0xD800 && code < 0xE000) || !is_of_unicode_9(code)) continue;
        const std::u32string text{code};
        ASSERT_EQ(decompose_canonically(text), by_icu(nfd, text)) << std::hex << static_cast<unsigned>(code);
        ASSERT_EQ(compose_compatibly(text), by_icu(nfkc, text)) << std::hex << static_cast<unsigned>(code);
    }
}

TEST(NormalForm, is_icus_for_texts_with_marks_in_any_order) {
    UErrorCode problem = U_ZERO_ERROR;
    const auto *nfd = icu::Normalizer2::getNFDInstance(problem), *nfkc = icu::Normalizer2::getNFKCInstance(problem);
    // Letters that compose, marks of several classes and of none, Hangul's parts, forms of other characters.
    const std::u32string parts =
        U"aeoAuω中\u0301\u0316\u0308\u0323\u0327\u0345\u0338\u3099\u09C7\u09BE\u1100\u1161\u11A8\u11A7가각\uFF21\uFB01½ｶﾞ\u0344"
        U"\u1F71≠\u0958\U0001D15E\u212B";
    std::mt19937 random(6);
    for (int round = 0; round < 20'000; ++round) {
        std::u32string text;
        for (std::size_t length = random() % 10; length > 0; --length) text += parts[random() % parts.size()];
        ASSERT_EQ(decompose_canonically(text), by_icu(nfd, text)) << to_utf8(text);
        ASSERT_EQ(compose_compatibly(text), by_icu(nfkc, text)) << to_utf8(text);
    }
}

}  // namespace
}  // namespace kohort::text

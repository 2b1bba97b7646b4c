#include "segment/term_extractor.h"

#include <gmock/gmock.h>

namespace kohort::segment {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

std::vector<std::string> readable_terms(std::string_view text, const std::vector<std::string>& stop_words = {}) {
    std::vector<std::string> terms;
    for (const auto& term : TermExtractor(stop_words).extract(text).terms) terms.push_back(readable(term));
    return terms;
}

TEST(TermExtractor, finds_words_and_phrases_of_touching_han_words) {
    const auto terms = readable_terms("数码相机报价");
    EXPECT_THAT(terms, Contains("数码"));
    EXPECT_THAT(terms, Contains("数码相机"));
    EXPECT_THAT(readable_terms("数码，相机"), Not(Contains("数码相机")));
}

TEST(TermExtractor, finds_lower_case_words_and_phrases_with_one_space) {
    EXPECT_THAT(readable_terms("Machine Learning"), ElementsAre("learning", "machine", "machine learning"));
    EXPECT_THAT(readable_terms("machine, learning"), ElementsAre("learning", "machine"));
}

TEST(TermExtractor, leaves_out_stop_words_numbers_and_fragments) {
    EXPECT_THAT(readable_terms("the 2024 of it 3.5"), ElementsAre());
    EXPECT_THAT(readable_terms("我们"), ElementsAre());
    EXPECT_THAT(readable_terms("machine learning", {"machine"}), ElementsAre("learning"));
}

TEST(TermExtractor, a_stop_word_breaks_a_phrase) {
    EXPECT_THAT(readable_terms("machine the learning"), Not(Contains("machine learning")));
}

TEST(TermExtractor, counts_a_term_once_a_text) { EXPECT_THAT(readable_terms("tennis, tennis, tennis"), ElementsAre("tennis")); }

TEST(TermExtractor, survives_any_bytes) { EXPECT_NO_THROW(readable_terms("\xff\xfe\x80 ok \xe4\xb8")); }

}  // namespace
}  // namespace kohort::segment

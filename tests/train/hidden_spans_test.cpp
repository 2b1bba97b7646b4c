#include "train/hidden_spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace kohort::train {
namespace {

using testing::ElementsAre;

constexpr text::TokenId sentinel = 1000, end = 3;  // sentinels count upwards from the first

SpanOptions options() {
    SpanOptions options{.seed = 3, .special = {0, 1, 2, 3, 4}, .end = end, .sentinels = {}};
    for (int i = 0; i < 50; ++i) options.sentinels.push_back(sentinel + i);
    return options;
}

Sequence text_of(int tokens) {
    Sequence sequence{2};
    for (int i = 0; i < tokens; ++i) sequence.push_back(5 + i);
    sequence.push_back(3);
    return sequence;
}

// The source with each sentinel replaced by its span of the target.
Sequence restored(const SpanSequences& spans) {
    std::map<text::TokenId, Sequence> span_of;
    text::TokenId current = -1;
    for (const auto id : spans.target) {
        if (id >= sentinel) current = id;
        else span_of[current].push_back(id);
    }
    Sequence result;
    for (const auto id : spans.source)
        if (id < sentinel) result.push_back(id);
        else result.insert(result.end(), span_of[id].begin(), span_of[id].end());
    return result;
}

TEST(HiddenSpans, source_and_target_together_are_the_text) {
    for (int tokens = 1; tokens <= 60; ++tokens)
        for (int position = 0; position < 30; ++position) {
            const auto spans = hide_spans(text_of(tokens), position, options());
            EXPECT_EQ(restored(spans), text_of(tokens));
            EXPECT_EQ(spans.source.front(), 2);
            EXPECT_EQ(spans.source.back(), 3);
            std::vector<text::TokenId> in_source, in_target;
            for (const auto id : spans.source)
                if (id >= sentinel) in_source.push_back(id);
            for (const auto id : spans.target)
                if (id >= sentinel) in_target.push_back(id);
            // Sentinels count up, each has a span, none follows another in the text, and one more closes the last span.
            for (std::size_t i = 0; i < in_target.size(); ++i) EXPECT_EQ(in_target[i], sentinel + static_cast<int>(i));
            in_source.push_back(in_target.back());
            EXPECT_EQ(in_source, in_target);
            EXPECT_EQ(spans.target.back(), end);
            EXPECT_EQ(spans.target[spans.target.size() - 2], in_target.back());
            for (std::size_t i = 0; i + 1 < spans.target.size(); ++i) EXPECT_FALSE(spans.target[i] >= sentinel && spans.target[i + 1] >= sentinel);
            for (std::size_t i = 0; i + 1 < spans.source.size(); ++i) EXPECT_FALSE(spans.source[i] >= sentinel && spans.source[i + 1] >= sentinel);
        }
}

TEST(HiddenSpans, are_fifteen_percent_in_spans_of_three) {
    const auto spans = hide_spans(text_of(200), 7, options());
    EXPECT_EQ(spans.target.size(), 30U + 10 + 2);  // hidden tokens, a sentinel each span, the last sentinel and the end
    EXPECT_EQ(spans.source.size(), 170U + 10 + 2);
}

// Every token has the same chance, those at the ends a little less: of 3 of 20 tokens in one span each place is as likely.
TEST(HiddenSpans, all_places_are_equally_likely) {
    std::map<text::TokenId, int> first;
    constexpr int draws = 18000;
    for (int position = 0; position < draws; ++position) ++first[hide_spans(text_of(20), position, options()).target[1]];
    EXPECT_EQ(first.size(), 18U);
    for (const auto& [token, count] : first) EXPECT_NEAR(count, draws / 18, 150) << token;
}

TEST(HiddenSpans, all_lengths_are_equally_likely) {
    auto half = options();
    half.share = 0.5;
    half.mean_length = 2.5;  // 5 of 10 tokens in 2 spans: lengths of 1 to 4
    std::map<std::ptrdiff_t, int> lengths;
    constexpr int draws = 8000;
    for (int position = 0; position < draws; ++position) {
        const auto target = hide_spans(text_of(10), position, half).target;
        ++lengths[std::ranges::find(target, sentinel + 1) - target.begin() - 1];
    }
    EXPECT_EQ(lengths.size(), 4U);
    for (const auto& [length, count] : lengths) EXPECT_NEAR(count, draws / 4, 180) << length;
}

TEST(HiddenSpans, of_tiny_texts) {
    EXPECT_THAT(hide_spans({2, 9, 3}, 0, options()).source, ElementsAre(2, sentinel, 3));
    EXPECT_THAT(hide_spans({2, 9, 3}, 0, options()).target, ElementsAre(sentinel, 9, sentinel + 1, end));
    EXPECT_THAT(hide_spans({2, 3}, 0, options()).target, ElementsAre(end));
    auto bare = options();
    bare.special = {};
    EXPECT_EQ(hide_spans({2, 3}, 0, bare).source.size(), 2U);  // not special here: one of the two is hidden
}

TEST(HiddenSpans, are_no_more_than_there_are_sentinels) {
    auto few = options();
    few.sentinels.resize(3);
    const auto spans = hide_spans(text_of(200), 1, few);
    EXPECT_EQ(spans.target.size(), 30U + 2 + 2);
    EXPECT_EQ(restored(spans), text_of(200));
}

TEST(HiddenSpans, are_others_at_another_position_or_seed) {
    const auto first = hide_spans(text_of(50), 0, options()).source;
    EXPECT_EQ(hide_spans(text_of(50), 0, options()).source, first);
    EXPECT_NE(hide_spans(text_of(50), 1, options()).source, first);
    auto other = options();
    other.seed = 4;
    EXPECT_NE(hide_spans(text_of(50), 0, other).source, first);
}

}  // namespace
}  // namespace kohort::train

#include "train/token_masking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kohort::train {
namespace {

constexpr text::SpecialTokens special{0, 1, 2, 3, 4};
const MaskOptions options{.seed = 3, .share = 0.15, .vocabulary = 100, .special = special};

Sequence long_text() {
    Sequence sequence{2};
    for (int i = 0; i < 200; ++i) sequence.push_back(5 + i % 90);
    sequence.push_back(3);
    return sequence;
}

TEST(TokenMasking, hides_fifteen_percent_eight_to_one_to_one) {
    const Sequence sequence = long_text();
    double hidden = 0, masked = 0, kept = 0;
    for (int position = 0; position < 300; ++position) {
        const auto result = mask_tokens(sequence, position, options);
        for (std::size_t i = 0; i < result.places.size(); ++i) {
            const auto place = static_cast<std::size_t>(result.places[i]);
            EXPECT_EQ(result.targets[i], sequence[place]);
            hidden += 1;
            masked += result.ids[place] == special.mask;
            kept += result.ids[place] == sequence[place];
        }
    }
    EXPECT_NEAR(hidden / (300 * 200), 0.15, 0.005);
    EXPECT_NEAR(masked / hidden, 0.8, 0.02);
    EXPECT_NEAR(kept / hidden, 0.1 + 0.1 / 100, 0.015);
}

TEST(TokenMasking, touches_only_the_places_it_names_and_never_a_special_token) {
    const Sequence sequence = long_text();
    for (int position = 0; position < 50; ++position) {
        const auto result = mask_tokens(sequence, position, options);
        auto restored = result.ids;
        for (std::size_t i = 0; i < result.places.size(); ++i) restored[static_cast<std::size_t>(result.places[i])] = result.targets[i];
        EXPECT_EQ(restored, sequence);
        EXPECT_THAT(result.places, testing::Each(testing::AllOf(testing::Ge(1), testing::Le(200))));
    }
}

TEST(TokenMasking, a_short_text_has_one_hidden_token_at_least) {
    for (int position = 0; position < 100; ++position) EXPECT_GE(mask_tokens({2, 9, 8, 3}, position, options).places.size(), 1U);
    EXPECT_TRUE(mask_tokens({2, 3}, 0, options).places.empty());
}

TEST(TokenMasking, is_another_one_at_another_position_or_seed) {
    const Sequence sequence = long_text();
    const auto first = mask_tokens(sequence, 0, options).places;
    EXPECT_EQ(mask_tokens(sequence, 0, options).places, first);
    EXPECT_NE(mask_tokens(sequence, 1, options).places, first);
    auto other = options;
    other.seed = 4;
    EXPECT_NE(mask_tokens(sequence, 0, other).places, first);
}

// Words of one to four tokens.
Sequence text_in_words() {
    Sequence sequence{2};
    for (int word = 0; word < 80; ++word)
        for (int i = 0; i <= word % 4; ++i) sequence.push_back((5 + (word + i) % 90) | (i > 0 ? goes_on_with_word : 0));
    sequence.push_back(3);
    return sequence;
}

TEST(WholeWordMasking, hides_all_of_a_word_or_nothing_and_its_share_of_tokens) {
    const Sequence sequence = text_in_words();
    double hidden = 0, masked = 0, kept = 0, tokens = 0;
    for (int position = 0; position < 500; ++position) {
        const auto result = mask_tokens(sequence, position, options);
        std::vector<bool> is_hidden(sequence.size(), false);
        for (std::size_t i = 0; i < result.places.size(); ++i) {
            const auto place = static_cast<std::size_t>(result.places[i]);
            is_hidden[place] = true;
            EXPECT_EQ(result.targets[i], sequence[place] & ~goes_on_with_word);
            masked += result.ids[place] == special.mask;
            kept += result.ids[place] == result.targets[i];
        }
        for (std::size_t place = 1; place + 1 < sequence.size(); ++place) {
            EXPECT_LT(result.ids[place], goes_on_with_word) << "no mark reaches a model";
            if (sequence[place] & goes_on_with_word) {
                EXPECT_EQ(is_hidden[place], is_hidden[place - 1]) << place;
            }
        }
        hidden += static_cast<double>(result.places.size());
        tokens += static_cast<double>(sequence.size()) - 2;
    }
    EXPECT_NEAR(hidden / tokens, 0.15, 0.006);
    EXPECT_NEAR(masked / hidden, 0.8, 0.02);
    EXPECT_NEAR(kept / hidden, 0.1 + 0.1 / 100, 0.015);
}

TEST(WholeWordMasking, hides_the_only_word_of_a_text_whole) {
    const Sequence one_word{2, 9, 8 | goes_on_with_word, 7 | goes_on_with_word, 3};
    for (int position = 0; position < 50; ++position)
        EXPECT_THAT(mask_tokens(one_word, position, options).places, testing::ElementsAre(1, 2, 3)) << "the only word is hidden whole";
}

}  // namespace
}  // namespace kohort::train

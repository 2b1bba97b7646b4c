#include "encode/user_pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace kohort::encode {
namespace {

corpus::Event event(const std::string& text) { return {0, 0, "", text}; }

corpus::Partition some_partition() {
    corpus::Partition partition;
    partition.users = {
        {"a", {event("x"), event("y"), event("x"), event("")}}, {"b", {}}, {"c", {event("z"), event("x")}}, {"d", {event("")}}};
    return partition;
}

TEST(UserPooling, collects_each_text_once_by_first_occurrence) {
    const auto partition = some_partition();
    const auto texts = collect_texts(partition);
    EXPECT_THAT(texts.texts, testing::ElementsAre("x", "y", "z"));
    EXPECT_THAT(texts.user_offset, testing::ElementsAre(0, 2, 2, 4, 4));
    EXPECT_THAT(texts.members, testing::ElementsAre(0, 1, 2, 0));
}

TEST(UserPooling, a_user_is_the_mean_of_the_different_texts) {
    const auto partition = some_partition();
    const auto texts = collect_texts(partition);
    const std::vector<float> vectors{1, 0, 0, 1, 0.6f, 0.8f};
    const std::vector<std::uint8_t> tokens{1, 1, 1};
    const auto mean = pool_users(texts, vectors, tokens, 2, false);
    EXPECT_THAT(mean.values, testing::ElementsAre(0.5f, 0.5f, 0, 0, testing::FloatEq(0.8f), testing::FloatEq(0.4f), 0, 0));
    EXPECT_EQ(mean.users_without_text, 2);
    const auto unit = pool_users(texts, vectors, tokens, 2, true);
    const auto half = static_cast<float>(std::sqrt(0.5));
    EXPECT_THAT(unit.values, testing::ElementsAre(testing::FloatEq(half), testing::FloatEq(half), 0, 0,
                                                  testing::FloatEq(static_cast<float>(2 / std::sqrt(5.0))),
                                                  testing::FloatEq(static_cast<float>(1 / std::sqrt(5.0))), 0, 0));
}

TEST(UserPooling, a_text_weighs_as_much_as_the_heaviest_event_with_it) {
    corpus::Partition partition;
    partition.behaviors = {"buy", "pv"};
    partition.users = {{"a", {{0, 1, "", "x"}, {0, 0, "", "x"}, {0, 1, "", "y"}}},
                       {"b", {{0, 1, "", "x"}}},
                       {"c", {{0, 1, "", "z"}, {0, 1, "", "x"}}}};
    const auto texts = collect_texts(partition, {{{"buy", 3}}, 0});
    EXPECT_THAT(texts.texts, testing::ElementsAre("x", "y", "z"));
    EXPECT_THAT(texts.members, testing::ElementsAre(0, 1, 0, 2, 0));
    EXPECT_THAT(texts.weights, testing::ElementsAre(3, 1, 1, 1, 1));
    const std::vector<float> vectors{1, 0, 0, 1, 0.6f, 0.8f};
    const auto users = pool_users(texts, vectors, std::vector<std::uint8_t>{1, 1, 1}, 2, false);
    EXPECT_THAT(users.values, testing::ElementsAre(0.75f, 0.25f, 1, 0, testing::FloatEq(0.8f), testing::FloatEq(0.4f)));
}

TEST(UserPooling, texts_that_weigh_nothing_are_not_encoded) {
    corpus::Partition partition;
    partition.behaviors = {"buy", "pv"};
    partition.users = {{"a", {{0, 1, "", "x"}, {0, 0, "", "y"}}}, {"b", {{0, 1, "", "x"}}}};
    const auto texts = collect_texts(partition, {{{"pv", 0}}, 0});
    EXPECT_THAT(texts.texts, testing::ElementsAre("y"));
    EXPECT_THAT(texts.user_offset, testing::ElementsAre(0, 1, 1));
    EXPECT_EQ(pool_users(texts, std::vector<float>{1, 0}, std::vector<std::uint8_t>{1}, 2, true).users_without_text, 1);
}

TEST(UserPooling, a_text_without_tokens_does_not_count) {
    const auto partition = some_partition();
    const auto texts = collect_texts(partition);
    const std::vector<float> vectors{0, 0, 0, 1, 0.6f, 0.8f};
    const std::vector<std::uint8_t> tokens{0, 1, 1};
    const auto mean = pool_users(texts, vectors, tokens, 2, false);
    EXPECT_THAT(mean.values, testing::ElementsAre(0, 1, 0, 0, 0.6f, 0.8f, 0, 0));
    EXPECT_EQ(mean.users_without_text, 2);
}

TEST(UserPooling, opposite_texts_give_the_zero_vector_and_no_error) {
    corpus::Partition partition;
    partition.users = {{"a", {event("x"), event("y")}}};
    const auto texts = collect_texts(partition);
    const std::vector<float> vectors{1, 0, -1, 0};
    EXPECT_THAT(pool_users(texts, vectors, std::vector<std::uint8_t>{1, 1}, 2, true).values, testing::ElementsAre(0, 0));
}

}  // namespace
}  // namespace kohort::encode

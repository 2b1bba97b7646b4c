#include "encode/event_weights.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace kohort::encode {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t day = 86'400;
const std::vector<std::string> behaviors{"buy", "pv"};

corpus::Event event(std::int64_t time, std::int32_t behavior, const std::string& text = "x") {
    return {time, behavior, "", text};
}

std::string refusal(std::string_view option) {
    try {
        parse_behavior_weights(option);
    } catch (const base::Error& error) {
        EXPECT_EQ(error.exit_code(), 2);
        return error.what();
    }
    return "no error";
}

TEST(EventWeights, names_and_numbers_are_read) {
    EXPECT_EQ(parse_behavior_weights("buy=3,view=1"), (BehaviorWeights{{"buy", 3}, {"view", 1}}));
    EXPECT_EQ(parse_behavior_weights(" view = 0.5 , 购买=2e1"), (BehaviorWeights{{"view", 0.5}, {"购买", 20}}));
    EXPECT_EQ(parse_behavior_weights("a=0"), (BehaviorWeights{{"a", 0}}));
    EXPECT_TRUE(parse_behavior_weights("").empty());
}

TEST(EventWeights, what_means_the_same_is_kept_as_the_same_text) {
    EXPECT_EQ(text_of(parse_behavior_weights("view=1.0, buy=3")), "buy=3,view=1");
    EXPECT_EQ(text_of(parse_behavior_weights("buy=3,view=1")), "buy=3,view=1");
}

TEST(EventWeights, what_is_malformed_is_refused) {
    for (const char* option : {"buy", "buy=", "=3", "buy=3,", ",buy=3", "buy=three", "buy=-1", "buy=nan", "buy=inf", "buy=1e7",
                               "buy=3;view=1", "buy==3"})
        EXPECT_THAT(refusal(option), HasSubstr("--behavior-weights")) << option;
    EXPECT_THAT(refusal("buy=3,buy=3"), HasSubstr("twice"));
}

TEST(EventWeights, all_events_with_text_weigh_one_by_default) {
    const std::vector<corpus::Event> events{event(5, 0), event(9, 1), event(7, 0, "")};
    EXPECT_THAT(weigh_events(events, behaviors, {}), ElementsAre(1, 1, 0));
    EXPECT_TRUE(EventWeights().all_equal());
}

TEST(EventWeights, behaviours_weigh_as_named_and_others_one) {
    const std::vector<corpus::Event> events{event(5, 0), event(9, 1)};
    EXPECT_THAT(weigh_events(events, behaviors, {{{"buy", 3}}, 0}), ElementsAre(3, 1));
    EXPECT_THAT(weigh_events(events, behaviors, {{{"pv", 0}, {"unheard of", 7}}, 0}), ElementsAre(1, 0));
}

TEST(EventWeights, an_event_counts_half_after_a_half_life) {
    const std::vector<corpus::Event> events{event(100 * day, 1), event(107 * day, 1), event(114 * day, 0)};
    EXPECT_THAT(weigh_events(events, behaviors, {{{"buy", 3}}, 7}), ElementsAre(0.25, 0.5, 3));
    EXPECT_THAT(weigh_events(events, behaviors, {{}, 14}), ElementsAre(0.5, DoubleEq(std::exp2(-0.5)), 1));
}

TEST(EventWeights, ages_count_from_the_newest_event_that_counts) {
    // The newest of all does not count; were it the reference, weights would be too small for a double.
    const std::vector<corpus::Event> events{event(1 * day, 0), event(2 * day, 0), event(9000 * day, 1),
                                            event(9000 * day, 0, "")};
    EXPECT_THAT(weigh_events(events, behaviors, {{{"pv", 0}}, 1}), ElementsAre(0.5, 1, 0, 0));
}

TEST(EventWeights, an_event_without_time_is_not_aged) {
    const std::vector<corpus::Event> events{event(0, 0), event(100 * day, 0), event(101 * day, 0)};
    EXPECT_THAT(weigh_events(events, behaviors, {{}, 1}), ElementsAre(1, 0.5, 1));
}

}  // namespace
}  // namespace kohort::encode

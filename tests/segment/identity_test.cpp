#include "segment/identity.h"

#include <gmock/gmock.h>

namespace kohort::segment {
namespace {

using testing::ElementsAre;

TEST(Identity, without_a_past_the_largest_segment_is_number_0) {
    EXPECT_THAT(numbers_by_size({5, 9, 5, 1}), ElementsAre(1, 0, 2, 3));
}

PreviousSegments three_in_a_row() { return {{0, 1, 4}, {0, 0, 10, 0, 20, 0}, {5, 5, 5}, 5}; }

TEST(Identity, segments_that_are_still_there_keep_their_numbers) {
    const auto match = match_segments(three_in_a_row(), {19, 0, 1, 0, 9, 0}, 2, {3, 3, 3});
    EXPECT_THAT(match.numbers, ElementsAre(4, 0, 1));
    EXPECT_EQ(match.kept, 3);
    EXPECT_EQ(match.born, 0);
    EXPECT_EQ(match.retired, 0);
}

TEST(Identity, a_new_segment_gets_a_number_never_used) {
    const auto match = match_segments(three_in_a_row(), {0, 1, 0, 90, 10, 1, 20, 1}, 2, {3, 3, 3, 3});
    EXPECT_THAT(match.numbers, ElementsAre(0, 5, 1, 4));
    EXPECT_EQ(match.born, 1);
}

TEST(Identity, a_segment_far_from_every_former_one_does_not_inherit_a_number) {
    const auto match = match_segments(three_in_a_row(), {0, 1, 0, 90}, 2, {3, 4});
    EXPECT_THAT(match.numbers, ElementsAre(0, 5));
    EXPECT_EQ(match.retired, 2);
}

TEST(Identity, a_former_segment_without_members_here_matches_nothing) {
    auto previous = three_in_a_row();
    previous.members[1] = 0;
    const auto match = match_segments(previous, {10, 0, 0, 0}, 2, {3, 3});
    EXPECT_EQ(match.numbers[1], 0);
    EXPECT_NE(match.numbers[0], 1);
}

}  // namespace
}  // namespace kohort::segment

#include "segment/tags.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"

namespace kohort::segment {
namespace {

using testing::ElementsAre;

Term term(std::string text, double score, double lift) {
    Term made;
    made.text = std::move(text);
    made.score = score;
    made.lift = made.user_lift = lift;
    return made;
}

TEST(Tags, readable_means_han_characters_or_words_without_digits) {
    for (const char* good : {"手机", "数码相机", "一二三四五六七八九十", "tennis", "new york city hall"}) EXPECT_TRUE(is_readable_tag(good)) << good;
    for (const char* bad : {"", "机", "一二三四五六七八九十百", "手机a", "2024", "iphone15", "a", "one two three four five"})
        EXPECT_FALSE(is_readable_tag(bad)) << bad;
}

TEST(Tags, the_best_readable_term_with_enough_lift_wins) {
    EXPECT_THAT(choose_tags({{term("天气", 9, 1.2), term("2024", 8, 9), term("网球", 7, 4), term("球拍", 6, 5)}}), ElementsAre("网球"));
}

TEST(Tags, no_two_segments_share_one) {
    const auto tags = choose_tags({{term("手机", 5, 4), term("平板", 4, 4)}, {term("手机", 6, 4), term("电脑", 3, 4)}});
    EXPECT_THAT(tags, ElementsAre("平板", "手机"));
}

TEST(Tags, without_enough_lift_the_highest_counts_and_without_terms_there_is_still_a_name) {
    EXPECT_THAT(choose_tags({{term("天气", 9, 1.2), term("网球", 7, 2.5)}, {}, {}}), ElementsAre("网球", "other", "other two"));
}

TEST(Tags, names_go_one_to_one_to_the_segments_they_suit) {
    // Name 0 suits both segments, name 1 only segment 0: the best sum gives segment 1 to name 0.
    EXPECT_THAT(match_names({{0.9, 0.8}, {0.7, 0.0}}, {{0.5, 0.5}, {0.5, 0.1}}), ElementsAre(1, 0));
}

TEST(Tags, fewer_names_than_segments_leave_segments_their_own) {
    EXPECT_THAT(match_names({{0.1, 0.9, 0.2}}, {{0.1, 0.9, 0.2}}), ElementsAre(-1, 0, -1));
}

TEST(Tags, more_names_than_segments_leave_names_unused) {
    EXPECT_THAT(match_names({{0.1}, {0.9}, {0.3}}, {{0.0}, {0.5}, {0.1}}), ElementsAre(1));
}

class TagList : public testing::Test {
  protected:
    TagList() : path_(std::filesystem::path(testing::TempDir()) / ("tags_" + std::to_string(::getpid()) + ".csv")) {}
    ~TagList() override { std::filesystem::remove(path_); }
    void write(const std::string& text) { std::ofstream(path_) << text; }
    std::filesystem::path path_;
};

TEST_F(TagList, reads_names_and_descriptions) {
    write("\xEF\xBB\xBFname,description\n运动达人,\"足球, 篮球\"\n旅行达人,酒店\n");
    const auto tags = read_tag_list(path_);
    ASSERT_EQ(tags.size(), 2u);
    EXPECT_EQ(tags[0].name, "运动达人");
    EXPECT_EQ(tags[0].description, "足球, 篮球");
}

TEST_F(TagList, refuses_what_is_no_list) {
    EXPECT_THROW(read_tag_list("/nowhere/tags.csv"), base::Error);
    write("name,text\na,b\n");
    EXPECT_THROW(read_tag_list(path_), base::Error);
    write("name,description\na,b\na,c\n");
    EXPECT_THROW(read_tag_list(path_), base::Error);
    write("name,description\na\n");
    EXPECT_THROW(read_tag_list(path_), base::Error);
}

}  // namespace
}  // namespace kohort::segment

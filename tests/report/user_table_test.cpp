#include "report/user_table.h"

#include <gmock/gmock.h>

namespace kohort::report {
namespace {

segment::LabelledPartition one_user(std::string id, std::string text) {
    segment::LabelledPartition part;
    part.documents.users.push_back({std::move(id), {{1, 0, "", "older"}, {2, 0, "", std::move(text)}, {3, 0, "", ""}}});
    part.segments = {0};
    part.distances = {0.1f};
    part.margins = {0.25f};
    part.map = {0, 0};
    return part;
}

segment::SegmentProfile profile() {
    segment::SegmentProfile made;
    made.number = 7;
    made.tag = "网球";
    segment::Term term;
    term.text = "racket";
    term.score = 1;
    made.terms = {term};
    return made;
}

TEST(UserTable, says_id_segment_tag_margin_terms_and_the_newest_text) {
    const auto lines = user_table_lines(one_user("u1", "tennis racket"), {profile()}, segment::TermExtractor(), {}, {});
    EXPECT_EQ(lines, "u1,7,网球,0.2500,racket; older; tennis,tennis racket\n");
}

TEST(UserTable, cuts_the_text_to_sixty_columns) {
    std::string text;
    for (int i = 0; i < 50; ++i) text += "球";
    const auto lines = user_table_lines(one_user("u1", text), {profile()}, segment::TermExtractor(), {}, {});
    std::string cut;
    for (int i = 0; i < 29; ++i) cut += "球";
    EXPECT_THAT(lines, testing::EndsWith("," + cut + "…\n"));
}

TEST(UserTable, appends_the_vector_on_request) {
    UserTableOptions options;
    options.vector_columns = 2;
    EXPECT_THAT(user_table_head(options), testing::EndsWith(",newest_text,vector\n"));
    const auto lines = user_table_lines(one_user("=u1", "x"), {profile()}, segment::TermExtractor(), {0.5f, -1.0f}, options);
    EXPECT_THAT(lines, testing::EndsWith(",0.5 -1\n"));
    EXPECT_THAT(lines, testing::StartsWith("'=u1,"));
}

}  // namespace
}  // namespace kohort::report

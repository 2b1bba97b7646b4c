#include "report/html.h"

#include <gmock/gmock.h>

namespace kohort::report {
namespace {

using testing::HasSubstr;
using testing::Not;

segment::SegmentProfile profile(std::string tag) {
    segment::SegmentProfile made;
    made.tag = std::move(tag);
    made.users = 3;
    segment::Term term;
    term.text = "<b>网球</b>";
    term.score = 2;
    term.lift = 4;
    made.terms.push_back(term);
    made.exemplars.push_back({0.5, 0, 0, "u&1", {"</script><script>alert(1)"}});
    return made;
}

TEST(HtmlReport, texts_of_users_cannot_become_markup) {
    const auto page = html_report({"T", 3, 9, {{"seed", "<1>"}}, {}}, {profile("<img src=x>")}, {{0, 0, 0, "<i>x</i>"}, {1, 1, 0, "y"}});
    for (const char* attack : {"<b>", "<img", "</script><script>alert", "<i>x", "<1>"}) EXPECT_THAT(page, Not(HasSubstr(attack)));
    EXPECT_THAT(page, HasSubstr("&lt;b&gt;网球&lt;/b&gt;"));
    EXPECT_THAT(page, HasSubstr("u&amp;1"));
}

TEST(HtmlReport, is_self_contained) {
    const auto page = html_report({"T", 3, 9, {}, {{"contrastive", {{1, 5.0, 0.1}, {2, 4.0, 0}}}}}, {profile("a"), profile("b")}, {{0, 0, 1, "y"}});
    for (const char* outside : {"http://", "https://", "src=", "@import"}) EXPECT_THAT(page, Not(HasSubstr(outside)));
    EXPECT_THAT(page, HasSubstr("polyline"));
}

TEST(HtmlReport, shows_how_the_number_of_segments_was_chosen) {
    ReportFacts facts{"T", 3, 9, {}, {}};
    EXPECT_THAT(html_report(facts, {profile("a")}, {}), Not(HasSubstr("How many segments")));
    facts.choice = "<svg id=\"plot\"></svg>";
    EXPECT_THAT(html_report(facts, {profile("a")}, {}), HasSubstr(facts.choice));
}

TEST(HtmlReport, one_point_or_equal_points_are_drawn) {
    EXPECT_THAT(html_report({"T", 1, 1, {}, {}}, {profile("a")}, {{2, 2, 0, "one"}}), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace kohort::report

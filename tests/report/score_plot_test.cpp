#include "report/score_plot.h"

#include <gmock/gmock.h>

namespace kohort::report {
namespace {

using testing::HasSubstr;
using testing::Not;

ScorePlot plot() {
    return {"6 clusters", "because <so> & so", "clusters", {2, 6, 128}, 1, {{"Silhouette", "higher", {{0.25, 0.75, 0.5}}},
                                                                          {"Inertia", "lower", {{3e9, 2e9, 1e9}}}}};
}

std::size_t times(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
    return count;
}

TEST(ScorePlot, has_a_panel_a_score_with_axes_and_the_pick_marked) {
    const auto svg = score_plot_svg(plot());
    EXPECT_EQ(times(svg, "<polyline"), 2u);
    EXPECT_EQ(times(svg, "<circle"), 6u);
    EXPECT_EQ(times(svg, "stroke-dasharray"), 2u);
    EXPECT_EQ(times(svg, ">128</text>"), 2u);
    for (const char* label : {">0.2<", ">0.8<", ">1e+09<", ">3e+09<", ">clusters<"}) EXPECT_THAT(svg, HasSubstr(label));
}

// Panel at (0, 66), 240 high; its plotting area runs from y = 114 (at the top: 0.8) to 262 (0.2).
TEST(ScorePlot, points_lie_where_the_axes_say) {
    const auto svg = score_plot_svg(plot());
    EXPECT_THAT(svg, HasSubstr("points=\"109.3,249.7 204.0,126.3 298.7,188.0 \""));
    EXPECT_THAT(svg, HasSubstr("cx=\"204.0\" cy=\"126.3\" r=\"5.5\""));
}

TEST(ScorePlot, text_cannot_become_markup) {
    EXPECT_THAT(score_plot_svg(plot()), HasSubstr("because &lt;so&gt; &amp; so"));
}

TEST(ScorePlot, equal_missing_and_single_values_are_drawn) {
    using Values = std::vector<std::optional<double>>;
    for (const Values& values : {Values{0.5, 0.5, 0.5}, {{}, {}, {}}, {{}, 1.0, {}}, {0.0, 0.0, 0.0}, {1e300, 2e300, -1e300},
                                 {1, 1 + 1e-15, 1}}) {
        auto odd = plot();
        odd.panels[0].values = values;
        const auto svg = score_plot_svg(odd);
        EXPECT_THAT(svg, Not(HasSubstr("nan")));
        EXPECT_THAT(svg, Not(HasSubstr("inf")));
        EXPECT_LT(svg.size(), 20'000u);
    }
    ScorePlot single{"t", "s", "k", {1}, 0, {{"Silhouette", "", {{0.0}}}}};
    EXPECT_THAT(score_plot_svg(single), HasSubstr("<circle"));
}

TEST(ScorePlot, many_numbers_keep_their_labels_apart) {
    ScorePlot many{"t", "s", "k", {}, 41, {{"Silhouette", "", {}}}};
    for (int i = 0; i < 60; ++i) many.numbers.push_back(1000 + i), many.panels[0].values.emplace_back(i);
    const auto svg = score_plot_svg(many);
    EXPECT_LE(times(svg, "text-anchor=\"middle\""), 10u);
    EXPECT_THAT(svg, HasSubstr(">1041</text>"));
    EXPECT_THAT(svg, Not(HasSubstr(">1042</text>")));
}

TEST(ScorePlot, the_file_is_xml_and_the_page_needs_nothing_from_outside) {
    const auto file = score_plot_svg(plot());
    EXPECT_TRUE(file.starts_with("<?xml"));
    EXPECT_THAT(file, HasSubstr("xmlns=\"http://www.w3.org/2000/svg\""));
    const auto element = svg_for_page(file);
    EXPECT_TRUE(element.starts_with("<svg viewBox"));
    EXPECT_THAT(element, Not(HasSubstr("http")));
    EXPECT_TRUE(element.ends_with("</svg>\n"));
}

}  // namespace
}  // namespace kohort::report

#include "report/training_plot.h"

#include <gmock/gmock.h>

namespace kohort::report {
namespace {

using testing::HasSubstr;
using testing::Not;

TrainingCurve curve() { return {"masked_language", {{0, 8.0, 0.0}, {50, 4.0, 0.01}, {100, 6.0, 0.005}}}; }

// The plotting area runs from x = 62 (step 0) to 1004 (step 100), and from y = 236 (loss 4, rate 0) to 44 (loss 8, rate 0.01).
TEST(TrainingPlot, draws_loss_and_learning_rate_where_the_axes_say) {
    const auto svg = training_plot_svg(curve());
    EXPECT_THAT(svg, HasSubstr("points=\"62.0,44.0 533.0,236.0 1004.0,140.0 \""));
    EXPECT_THAT(svg, HasSubstr("points=\"62.0,236.0 533.0,44.0 1004.0,140.0 \""));
    for (const char* label : {">4<", ">8<", ">0.01<", ">100<", ">step<", ">masked_language<", "loss 8.000 at step 0, 6.000 at step 100"})
        EXPECT_THAT(svg, HasSubstr(label));
}

TEST(TrainingPlot, few_or_equal_points_and_markup_do_no_harm) {
    EXPECT_EQ(training_plot_svg({"a", {{0, 1, 1}}}), "");
    const auto flat = training_plot_svg({"<b>", {{0, 1, 0}, {1, 1, 0}}});
    for (const char* bad : {"nan", "inf", "<b>"}) EXPECT_THAT(flat, Not(HasSubstr(bad)));
}

TEST(TrainingPlot, curves_come_back_from_their_lines) {
    TrainingCurve other{"contrastive training", {{0, 5.25, 0.001}, {7, 1.125, 3e-5}}};
    const auto found = parse_curves(curve_lines(curve()) + "12 5.0\n" + curve_lines(other));
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].objective, "masked_language");
    EXPECT_EQ(found[1].objective, other.objective);
    ASSERT_EQ(found[0].points.size(), 3u);
    EXPECT_EQ(found[1].points[1].step, 7);
    EXPECT_DOUBLE_EQ(found[1].points[1].loss, 1.125);
    EXPECT_DOUBLE_EQ(found[1].points[1].learning_rate, 3e-5);
}

}  // namespace
}  // namespace kohort::report

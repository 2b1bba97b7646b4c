#include "report/training_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "report/axis_scale.h"
#include "report/html.h"

namespace kohort::report {
namespace {

constexpr double width = 1080, height = 280;
constexpr double left = 62, right = 76, top = 44, bottom = 44;  // around the plotting area
constexpr const char *ink = "#1c2330", *soft = "#5d6778", *grid = "#e3e7ee", *loss_colour = "#4269d0", *rate_colour = "#b8c0cc";

double across(double step, const AxisScale& steps) { return left + (step - steps.low) / (steps.high - steps.low) * (width - left - right); }
double up(double value, const AxisScale& scale) {
    return height - bottom - (value - scale.low) / (scale.high - scale.low) * (height - top - bottom);
}

std::string text_at(double x, double y, const char* anchor, const char* colour, const std::string& text) {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"12\" fill=\"{}\">{}</text>\n", x, y, anchor, colour,
                       html_escaped(text));
}

template <class Visit>
void for_ticks(const AxisScale& scale, const Visit& visit) {
    for (int i = 0; scale.low + i * scale.step <= scale.high + scale.step / 2; ++i) visit(scale.low + i * scale.step);
}

std::string polyline(const std::string& points, const char* colour, double thickness) {
    return fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" points=\"{}\"/>\n", colour, thickness, points);
}

}  // namespace

std::string training_plot_svg(const TrainingCurve& curve) {
    if (curve.points.size() < 2) return {};
    std::vector<double> losses;
    double peak = 0;
    for (const auto& point : curve.points) {
        losses.push_back(point.loss);
        peak = std::max(peak, point.learning_rate);
    }
    if (peak == 0) peak = 1;
    const auto& first = curve.points.front();
    const auto& last = curve.points.back();
    const AxisScale loss = scale_for(losses), rate{0, peak, peak / 2, 0};
    AxisScale steps = scale_for({static_cast<double>(first.step), static_cast<double>(last.step)});
    steps.step = std::max(steps.step, 1.0);

    std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"loss of {}\">\n", width, height, html_escaped(curve.objective));
    svg += fmt::format("<text x=\"{}\" y=\"20\" font-size=\"15\" font-weight=\"600\" fill=\"{}\">{}</text>\n", left, ink, html_escaped(curve.objective));
    svg += text_at(width - right, 20, "end", soft,
                   fmt::format("loss {:.3f} at step {}, {:.3f} at step {}", first.loss, first.step, last.loss, last.step));
    for_ticks(loss, [&](double value) {
        svg += fmt::format("<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"{3}\"/>\n", left, width - right, up(value, loss), grid);
        svg += text_at(left - 7, up(value, loss) + 4, "end", loss_colour, tick_label(value, loss));
    });
    for_ticks(rate, [&](double value) { svg += text_at(width - right + 7, up(value, rate) + 4, "start", soft, fmt::format("{:.2g}", value)); });
    for_ticks(steps, [&](double value) { svg += text_at(across(value, steps), height - bottom + 17, "middle", soft, fmt::format("{:.0f}", value)); });
    svg += text_at(left, height - 8, "start", loss_colour, "loss") + text_at(left + (width - left - right) / 2, height - 8, "middle", soft, "step") +
           text_at(width - right, height - 8, "end", soft, "learning rate (grey, on the right)");

    std::string loss_points, rate_points;
    for (const auto& point : curve.points) {
        const double x = across(static_cast<double>(point.step), steps);
        loss_points += fmt::format("{:.1f},{:.1f} ", x, up(point.loss, loss));
        rate_points += fmt::format("{:.1f},{:.1f} ", x, up(point.learning_rate, rate));
    }
    return svg + polyline(rate_points, rate_colour, 1.4) + polyline(loss_points, loss_colour, 2) + "</svg>\n";
}

std::string curve_lines(const TrainingCurve& curve) {
    std::string lines;
    for (const auto& point : curve.points)
        lines += fmt::format("{} {:.6f} {:.6g} {}\n", point.step, point.loss, point.learning_rate, curve.objective);
    return lines;
}

std::vector<TrainingCurve> parse_curves(const std::string& lines) {
    std::vector<TrainingCurve> curves;
    std::istringstream input(lines);
    for (std::string line; std::getline(input, line);) {
        std::istringstream fields(line);
        std::string objective;
        TrainingCurve::Point point;
        if (!(fields >> point.step >> point.loss >> point.learning_rate >> std::ws) || !std::getline(fields, objective)) continue;
        if (curves.empty() || curves.back().objective != objective) curves.push_back({objective, {}});
        curves.back().points.push_back(point);
    }
    return curves;
}

}  // namespace kohort::report

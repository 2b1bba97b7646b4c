#include "report/score_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "report/axis_scale.h"
#include "report/html.h"

namespace kohort::report {
namespace {

constexpr double width = 1080, head = 66, panel_width = 360, panel_height = 240;
constexpr double left = 62, right = 14, top = 48, bottom = 44;  // inside a panel, around its plotting area
constexpr std::size_t columns = 3;
constexpr std::string_view declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr std::string_view name_space = " xmlns=\"http://www.w3.org/2000/svg\"";  // a file needs it, a page does not
constexpr const char *ink = "#1c2330", *soft = "#5d6778", *grid = "#e3e7ee", *line = "#4269d0", *mark = "#ff725c";

std::string text_at(double x, double y, const char* anchor, double size, const char* colour, const std::string& text,
                    bool bold = false) {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{}\" fill=\"{}\"{}>{}</text>\n", x, y,
                       anchor, size, colour, bold ? " font-weight=\"600\"" : "", html_escaped(text));
}

std::vector<double> defined(const std::vector<std::optional<double>>& values) {
    std::vector<double> result;
    for (const auto& value : values)
        if (value) result.push_back(*value);
    return result;
}

class PanelDrawing {
  public:
    PanelDrawing(const ScorePlot& plot, const ScorePanel& panel, double x, double y)
        : plot_(plot), panel_(panel), x_(x), y_(y), scale_(scale_for(defined(panel.values))) {}

    std::string draw() const {
        std::string svg = text_at(x_ + left, y_ + 20, "start", 15, ink, panel_.title, true);
        svg += text_at(x_ + left, y_ + 37, "start", 12, soft, panel_.note);
        return svg + grid_lines() + number_labels() + curve();
    }

  private:
    double across(std::size_t i) const {
        const double space = panel_width - left - right;
        const auto count = static_cast<double>(plot_.numbers.size());
        return x_ + left + space * (static_cast<double>(i) + 0.5) / count;
    }
    double up(double value) const {
        return y_ + panel_height - bottom - (value - scale_.low) / (scale_.high - scale_.low) * (panel_height - top - bottom);
    }

    std::string grid_lines() const {
        std::string svg;
        const auto steps = static_cast<int>(std::lround((scale_.high - scale_.low) / scale_.step));
        for (int i = 0; i <= steps; ++i) {
            const double value = scale_.low + i * scale_.step;
            svg += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x_ + left,
                               x_ + panel_width - right, up(value), up(value), grid);
            svg += text_at(x_ + left - 7, up(value) + 4, "end", 12, soft, tick_label(value, scale_));
        }
        return svg;
    }

    // As many as have room, and the picked one in any case.
    std::string number_labels() const {
        const double room = 9.0 + 7.0 * static_cast<double>(fmt::formatted_size("{}", plot_.numbers.back()));
        const double apart = (panel_width - left - right) / static_cast<double>(plot_.numbers.size());
        const auto every = static_cast<std::size_t>(std::ceil(room / apart));
        std::string svg;
        for (std::size_t i = 0; i < plot_.numbers.size(); ++i) {
            const bool picked = i == plot_.picked;
            const bool hidden = std::abs(across(i) - across(plot_.picked)) < room;  // behind the picked one's label
            if (!picked && (i % every != 0 || (every > 1 && hidden))) continue;
            svg += text_at(across(i), y_ + panel_height - bottom + 17, "middle", 12, picked ? ink : soft,
                           std::to_string(plot_.numbers[i]), picked);
        }
        const double centre = x_ + left + (panel_width - left - right) / 2;
        return svg + text_at(centre, y_ + panel_height - 8, "middle", 12, soft, plot_.axis);
    }

    std::string curve() const {
        std::string svg = fmt::format("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" stroke=\"{3}\" "
                                      "stroke-dasharray=\"4 3\"/>\n",
                                      across(plot_.picked), y_ + top, y_ + panel_height - bottom, mark);
        std::string points, dots;
        for (std::size_t i = 0; i < panel_.values.size(); ++i) {
            if (!panel_.values[i]) continue;
            const bool picked = i == plot_.picked;
            const double value = *panel_.values[i];
            points += fmt::format("{:.1f},{:.1f} ", across(i), up(value));
            dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\"><title>{}: {:.6g}</title></circle>\n",
                                across(i), up(value), picked ? 5.5 : 3, picked ? mark : line, plot_.numbers[i], value);
        }
        svg += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" points=\"{}\"/>\n", line, points);
        return svg + dots;
    }

    const ScorePlot& plot_;
    const ScorePanel& panel_;
    double x_, y_;
    AxisScale scale_;
};

}  // namespace

std::string score_plot_svg(const ScorePlot& plot) {
    const double height = head + panel_height * static_cast<double>((plot.panels.size() + columns - 1) / columns);
    std::string svg = fmt::format(
        "{0}<svg{1} viewBox=\"0 0 {2} {3}\" role=\"img\" aria-label=\"{4}\" font-family=\"system-ui,sans-serif\">\n"
        "<rect width=\"{2}\" height=\"{3}\" fill=\"#fff\"/>\n",
        declaration, name_space, width, height, html_escaped(plot.title));
    svg += text_at(16, 28, "start", 18, ink, plot.title, true) + text_at(16, 50, "start", 13, soft, plot.subtitle);
    for (std::size_t i = 0; i < plot.panels.size(); ++i)
        svg += PanelDrawing(plot, plot.panels[i], panel_width * static_cast<double>(i % columns),
                            head + panel_height * static_cast<double>(i / columns)).draw();
    return svg + "</svg>\n";
}

std::string svg_for_page(const std::string& file) {
    std::string element = file;
    for (const auto part : {declaration, name_space})
        if (const auto at = element.find(part); at != std::string::npos) element.erase(at, part.size());
    return element;
}

}  // namespace kohort::report

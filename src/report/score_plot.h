// Scores against a number that was varied, each in a small panel of its own, as one self-contained SVG file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kohort::report {

struct ScorePanel {
    std::string title, note;                    // "Silhouette", "higher is better"
    std::vector<std::optional<double>> values;  // one a number; nothing where the score is not defined
};

struct ScorePlot {
    std::string title, subtitle, axis;  // axis: what the numbers are
    std::vector<std::int64_t> numbers;  // ascending; evenly spaced in the panels
    std::size_t picked = 0;             // index that is marked
    std::vector<ScorePanel> panels;
};

// The file. The same bytes for the same plot.
std::string score_plot_svg(const ScorePlot& plot);

// What such a file draws, as an element of a page.
std::string svg_for_page(const std::string& file);

}  // namespace kohort::report

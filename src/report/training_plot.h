// How a training went: its loss over the steps, with the learning rate behind it, as an element of a page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kohort::report {

struct TrainingCurve {
    struct Point {
        std::int64_t step = 0;
        double loss = 0, learning_rate = 0;
    };
    std::string objective;      // "masked language modelling"
    std::vector<Point> points;  // by step
};

// An <svg> for a page. The same bytes for the same curve; empty for fewer than two points.
std::string training_plot_svg(const TrainingCurve& curve);

// The curves of a run as its manifest keeps them: a line a point, "step loss learning_rate objective", and back. Lines that
// are something else are passed over.
std::string curve_lines(const TrainingCurve& curve);
std::vector<TrainingCurve> parse_curves(const std::string& lines);

}  // namespace kohort::report

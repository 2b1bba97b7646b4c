// report.html: one self-contained page for people: sizes, terms, exemplars and a map of the users.
// It holds neither clock nor host nor rank: equal runs give equal bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <string_view>
#include <utility>

#include "report/training_plot.h"
#include "segment/profile.h"

namespace kohort::report {

struct MapPoint {
    float x = 0, y = 0;
    std::int32_t segment = 0;  // row of the centroids
    std::string label;         // shown on hover
};

struct ReportFacts {
    std::string title;
    std::int64_t users = 0, events = 0;
    std::vector<std::pair<std::string, std::string>> rows;  // "Model", "2 layers x 256"; "Clusters", "10, chosen by …"
    std::vector<TrainingCurve> training{};                  // may be empty
    std::string choice{};                                   // svg_for_page() of the numbers of clusters compared; may be empty
};

// `points` are a sample of the users in a fixed order.
std::string html_report(const ReportFacts& facts, const std::vector<segment::SegmentProfile>& profiles,
                        const std::vector<MapPoint>& points);

// & < > " ' as entities.
std::string html_escaped(std::string_view text);

}  // namespace kohort::report

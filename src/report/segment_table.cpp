#include "report/segment_table.h"

#include <fmt/format.h>

#include "report/csv.h"
#include "text/display_width.h"

namespace kohort::report {

std::string segment_table(const std::vector<segment::SegmentProfile>& profiles) {
    std::int64_t users = 0;
    for (const auto& profile : profiles) users += profile.users;
    std::string table(byte_order_mark);
    table += "segment,tag,users,share,events,terms,lifts,exemplar_users,exemplar_text\n";
    for (const auto& profile : profiles) {
        std::vector<std::string> terms, lifts, exemplars;
        for (std::size_t i = 0; i < std::min<std::size_t>(10, profile.terms.size()); ++i) {
            terms.push_back(profile.terms[i].text);
            lifts.push_back(fmt::format("{:.2f}", profile.terms[i].lift));
        }
        std::string text;
        for (const auto& exemplar : profile.exemplars) {
            exemplars.push_back(exemplar.user);
            if (text.empty() && !exemplar.texts.empty()) text = text::cut_to_width(exemplar.texts.front(), 60);
        }
        const std::vector<std::string> cells = {
            std::to_string(profile.number), csv_cell(profile.tag), std::to_string(profile.users),
            fmt::format("{:.4f}", users == 0 ? 0.0 : static_cast<double>(profile.users) / static_cast<double>(users)),
            std::to_string(profile.events), csv_cell(fmt::format("{}", fmt::join(terms, "; "))),
            csv_cell(fmt::format("{}", fmt::join(lifts, "; "))), csv_cell(fmt::format("{}", fmt::join(exemplars, "; "))),
            csv_cell(text)};
        table += csv_row(cells);
    }
    return table;
}

}  // namespace kohort::report

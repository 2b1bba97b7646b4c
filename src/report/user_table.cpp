#include "report/user_table.h"

#include <fmt/format.h>

#include "report/csv.h"
#include "text/display_width.h"

namespace kohort::report {

std::string user_table_head(const UserTableOptions& options) {
    std::string head(byte_order_mark);
    head += "user_id,segment,tag,margin,terms,newest_text";
    if (options.vector_columns > 0) head += ",vector";
    return head + '\n';
}

std::string user_table_lines(const segment::LabelledPartition& partition, const std::vector<segment::SegmentProfile>& profiles,
                             const segment::TermExtractor& extractor, const std::vector<float>& vectors,
                             const UserTableOptions& options) {
    std::string lines;
    for (std::size_t row = 0; row < partition.documents.users.size(); ++row) {
        const auto& user = partition.documents.users[row];
        const auto& profile = profiles[static_cast<std::size_t>(partition.segments[row])];
        const auto terms = segment::user_terms(extractor, user, profile.terms, 3);
        std::vector<std::string> cells = {csv_cell(user.id), std::to_string(profile.number), csv_cell(profile.tag),
                                          fmt::format("{:.4f}", partition.margins[row]),
                                          csv_cell(fmt::format("{}", fmt::join(terms, "; "))),
                                          csv_cell(text::cut_to_width(segment::newest_text(user), 60))};
        if (options.vector_columns > 0) {
            const auto width = static_cast<std::size_t>(options.vector_columns);
            const auto* first = vectors.data() + row * width;
            cells.push_back(fmt::format("{:.6g}", fmt::join(first, first + width, " ")));
        }
        lines += csv_row(cells);
    }
    return lines;
}

}  // namespace kohort::report

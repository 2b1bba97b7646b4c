// A readable name for every segment: its best term, or a name from a list that people gave.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "segment/term_table.h"

namespace kohort::segment {

// True for 2 to 10 Han characters or 1 to 4 words, without digits.
bool is_readable_tag(std::string_view text);

// One distinct tag a segment: the best of its terms that is readable and at least three times as frequent in its
// texts and among its users as elsewhere (`least_lift`); where a segment has none, its term of the highest lift;
// where it has no terms at all, "other", "other two", …. Segments choose in the order of their best term's score.
std::vector<std::string> choose_tags(const std::vector<std::vector<Term>>& terms, double least_lift = 3.0);

struct NamedTag {
    std::string name, description;
};

// CSV with the columns name and description. Error(usage) when it cannot be read, lacks a column or repeats a name.
std::vector<NamedTag> read_tag_list(const std::filesystem::path& path);

// Which name suits which segment: one to one, the best sum of two standardised scores (Kuhn 1955, through
// cluster/matching.h). lexical and semantic are [names][segments], higher is closer. Returns for each segment the
// index of its name, or -1 where there are fewer names than segments.
std::vector<std::int32_t> match_names(const std::vector<std::vector<double>>& lexical,
                                      const std::vector<std::vector<double>>& semantic);

}  // namespace kohort::segment

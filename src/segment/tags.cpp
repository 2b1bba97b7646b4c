#include "segment/tags.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "cluster/matching.h"
#include "corpus/csv_reader.h"
#include "text/unicode_tables.h"
#include "text/utf8.h"

namespace kohort::segment {
namespace {

double rounded(double value) { return std::round(value * 1e6) / 1e6; }

const Term* best_tag(const std::vector<Term>& terms, const std::set<std::string>& taken, double least_lift) {
    for (const auto& term : terms)
        if (term.lift >= least_lift && term.user_lift >= least_lift && is_readable_tag(term.text) && !taken.contains(term.text))
            return &term;
    const Term* best = nullptr;
    for (const auto& term : terms)
        if (is_readable_tag(term.text) && !taken.contains(term.text) && (!best || term.lift > best->lift)) best = &term;
    return best;
}

std::string unnamed(std::size_t number) {
    constexpr std::array<std::string_view, 10> numerals = {"other",      "other two",   "other three", "other four", "other five",
                                                           "other six", "other seven", "other eight", "other nine", "other ten"};
    std::string name(numerals[number % numerals.size()]);
    for (std::size_t round = 0; round < number / numerals.size(); ++round) name = "another " + name;
    return name;
}

// Every entry minus the mean of all, over their standard deviation: two scores become comparable.
std::vector<std::vector<double>> standardised(std::vector<std::vector<double>> scores) {
    double sum = 0, squares = 0, count = 0;
    for (const auto& row : scores)
        for (const double score : row) {
            sum += score;
            squares += score * score;
            count += 1;
        }
    if (count == 0) return scores;
    const double mean = sum / count, deviation = std::sqrt(std::max(0.0, squares / count - mean * mean));
    for (auto& row : scores)
        for (double& score : row) score = deviation > 1e-12 ? (score - mean) / deviation : 0;
    return scores;
}

// A small CSV file as rows of values, the header first; without a byte order mark.
std::vector<std::vector<std::string>> read_csv(const std::filesystem::path& path) {
    const std::string content = base::read_file(path);
    std::string_view rest = content;
    if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
    std::vector<std::vector<std::string>> rows;
    std::vector<corpus::CsvField> fields;
    for (std::string buffer; !rest.empty();) {
        const auto scan = corpus::scan_csv_record(rest, true, {}, &fields);
        if (scan.state != corpus::ScanState::complete)
            base::fail(base::ErrorKind::usage, "--tags {}: record {} is not CSV", path.string(), rows.size());
        if (scan.length > 0) {
            auto& row = rows.emplace_back();
            for (const auto& field : fields) row.emplace_back(corpus::csv_value(field, buffer));
        }
        rest.remove_prefix(static_cast<std::size_t>(scan.next));
    }
    return rows;
}

}  // namespace

bool is_readable_tag(std::string_view text) {
    std::int64_t han = 0, others = 0, words = 1;
    for (const char32_t c : text::to_code_points(text)) {
        if (c >= U'0' && c <= U'9') return false;
        if (c == U' ') ++words;
        else if (text::is_chinese(c)) ++han;
        else ++others;
    }
    if (han > 0) return others == 0 && words == 1 && han >= 2 && han <= 10;
    return others >= 2 && words <= 4;
}

std::vector<std::string> choose_tags(const std::vector<std::vector<Term>>& terms, double least_lift) {
    std::vector<std::size_t> order(terms.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto top_score = [&](std::size_t c) { return terms[c].empty() ? 0.0 : terms[c].front().score; };
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return top_score(a) > top_score(b); });
    std::vector<std::string> tags(terms.size());
    std::set<std::string> taken;
    std::size_t nameless = 0;
    for (const auto c : order) {
        const auto* term = best_tag(terms[c], taken, least_lift);
        tags[c] = term ? term->text : unnamed(nameless++);
        taken.insert(tags[c]);
    }
    return tags;
}

std::vector<NamedTag> read_tag_list(const std::filesystem::path& path) {
    const auto refuse = [&](const std::string& why) {
        base::fail(base::ErrorKind::usage, "--tags {}: {}", path.string(), why);
    };
    if (!std::filesystem::is_regular_file(path)) refuse("no such file");
    const auto table = read_csv(path);
    if (table.empty()) refuse("the file is empty; it needs the columns name,description");
    const auto column = [&](std::string_view name) {
        const auto found = std::find(table[0].begin(), table[0].end(), name);
        if (found == table[0].end()) refuse(fmt::format("no column '{}'; the file needs name,description", name));
        return static_cast<std::size_t>(found - table[0].begin());
    };
    const auto name = column("name"), description = column("description");
    std::vector<NamedTag> tags;
    std::set<std::string> seen;
    for (std::size_t row = 1; row < table.size(); ++row) {
        if (table[row].size() != table[0].size()) refuse(fmt::format("record {} has {} fields, not {}", row, table[row].size(), table[0].size()));
        if (!seen.insert(table[row][name]).second) refuse(fmt::format("the name '{}' stands there twice", table[row][name]));
        tags.push_back({table[row][name], table[row][description]});
    }
    return tags;
}

std::vector<std::int32_t> match_names(const std::vector<std::vector<double>>& lexical,
                                      const std::vector<std::vector<double>>& semantic) {
    const auto names = lexical.size();
    const auto segments = names == 0 ? 0 : lexical.front().size();
    const auto a = standardised(lexical), b = standardised(semantic);
    std::vector<double> cost(names * segments);
    for (std::size_t i = 0; i < names; ++i)
        for (std::size_t c = 0; c < segments; ++c) cost[i * segments + c] = -rounded(a[i][c] + b[i][c]);
    std::vector<std::int32_t> name_of(segments, -1);
    const auto assigned = cluster::minimum_cost_assignment(cost, static_cast<std::int64_t>(names), static_cast<std::int64_t>(segments));
    for (std::size_t i = 0; i < names; ++i)
        if (assigned[i] >= 0) name_of[static_cast<std::size_t>(assigned[i])] = static_cast<std::int32_t>(i);
    return name_of;
}

}  // namespace kohort::segment

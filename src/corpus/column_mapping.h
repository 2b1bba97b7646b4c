// Which column of an input means what: recognised by the usual English and Chinese names, or said by options.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kohort::corpus {

enum class InputForm : std::int32_t {
    event_log,  // one event a record: user, item, behavior, time, text
    user_rows   // one user a record: columns of joined entries, each column one behavior
};

struct HistoryColumn {
    std::string column, behavior;
};

// What the command line says of columns. An empty name: recognise it; "none": the input has none.
struct ColumnOptions {
    std::string user, item, behavior, time, text;
    std::vector<HistoryColumn> history;  // given: the input is one row a user
    std::string separator = "、";        // between the entries of a history column
};

// "搜索关键词:search,浏览历史:view" as --history-columns has it; a column without ":behavior" is its own behavior.
// Error(usage) when a name is empty.
std::vector<HistoryColumn> parse_history_columns(std::string_view text);

// Columns by number, -1: none.
struct ColumnMapping {
    struct History {
        std::int32_t column = 0;
        std::string behavior;
    };

    InputForm form = InputForm::event_log;
    std::vector<std::string> header;
    std::int32_t user = -1, item = -1, behavior = -1, time = -1, text = -1;
    std::vector<History> history;
    std::string separator;

    // "user=user_id item=item_id …": for people, and as a part of the stage's key.
    std::string description() const;
    // Columns of the header that are not used.
    std::vector<std::string> unused() const;
};

// `header`: the names as the file has them; `samples`: a few of its records, which only make the proposal better.
// Error(usage) when an option names an absent column (with the nearest name and those present), or when no mapping
// is recognised (with a proposal).
ColumnMapping map_columns(const std::string& file, const std::vector<std::string>& header,
                          const std::vector<std::vector<std::string>>& samples, const ColumnOptions& options);

// The columns of an item catalogue: its id is `id_column`, or recognised where that is empty or absent; its text is
// `text_column`, or recognised where that is empty.
struct CatalogueMapping {
    std::vector<std::string> header;
    std::int32_t id = 0, text = 0;
};
CatalogueMapping map_catalogue(const std::string& file, const std::vector<std::string>& header, const std::string& id_column,
                               const std::string& text_column);

}  // namespace kohort::corpus

#include "corpus/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "corpus/byte_source.h"
#include "corpus/record_values.h"
#include "parallel/collectives.h"

namespace kohort::corpus {
namespace {

// Some sixty-four partitions, for balance; of a long table more, so that one is never large.
constexpr std::int64_t wanted_partitions = 64, fewest_rows = 32, most_rows = 8192;
// A rank remembers where every so many of its records start.
constexpr std::int64_t mark_every = 64;
constexpr std::int64_t window = std::int64_t{4} << 20;  // bytes of a partition read at once

std::int64_t rows_of_a_partition(std::int64_t rows) {
    return std::clamp((rows + wanted_partitions - 1) / wanted_partitions, fewest_rows, most_rows);
}

}  // namespace

TextTable::TextTable(parallel::Communicator& comm, const std::vector<std::filesystem::path>& inputs, Encoding encoding,
                     const std::string& column) {
    InputSet input(comm, inputs, encoding, {.memory = window, .csv = {}});  // read again rather than kept: memory must not grow
    files_ = input.files();
    find_column(column);
    const auto fingerprints = input.fingerprints(comm);
    input.find_records(comm);
    for (std::size_t f = 0; f < files_.size(); ++f) {
        encodings_.push_back(input.encoding(static_cast<std::int32_t>(f)));
        identity_ += fmt::format("{}, {}, column {}; ", fingerprints[f].text(), name_of(encodings_[f]),
                                 files_[f].header[static_cast<std::size_t>(columns_[f])]);
    }
    find_starts(comm, input);
}

void TextTable::find_column(const std::string& column) {
    for (const auto& file : files_) {
        const auto find = [&](const std::string& name) { return std::ranges::find(file.header, name) - file.header.begin(); };
        const auto columns = static_cast<std::int64_t>(file.header.size());
        const bool ids = (column.empty() || column == "ids") && file.grammar.format == RecordFormat::json_lines && find("ids") < columns;
        const auto place = !column.empty() ? find(column) : ids ? find("ids") : columns == 1 ? 0 : find("text");
        if (place == columns)
            base::fail(base::ErrorKind::usage, "{}: {}; it has {}", file.path.string(),
                       column.empty() ? std::string("name the column of the texts with --text-column") : fmt::format("there is no column \"{}\"", column),
                       fmt::join(file.header, ", "));
        if (!columns_.empty() && ids != holds_ids_)
            base::fail(base::ErrorKind::usage, "{}: some inputs hold texts and others token ids", file.path.string());
        holds_ids_ = ids;
        columns_.push_back(static_cast<std::int32_t>(place));
    }
}

void TextTable::find_starts(parallel::Communicator& comm, InputSet& input) {
    // Of this rank: every so many records, and the first of each file.
    struct Mark {
        std::int64_t row;
        Start at;
    };
    std::vector<Mark> marks;
    std::int64_t mine = 0;
    for (std::int32_t file = -1; input.next(); ++mine) {
        if (mine % mark_every != 0 && input.file() == file) continue;
        file = input.file();
        marks.push_back({mine, {file, input.record().offset, 0}});
    }
    const auto counts = parallel::all_gather(comm, std::span<const std::int64_t>(&mine, 1));
    std::int64_t before = 0;
    for (int rank = 0; rank < comm.size(); ++rank) {
        if (rank < comm.rank()) before += counts[static_cast<std::size_t>(rank)];
        rows_ += counts[static_cast<std::size_t>(rank)];
    }
    partition_rows_ = rows_of_a_partition(rows_);
    std::vector<std::int64_t> starts;
    for (std::int64_t row = (before + partition_rows_ - 1) / partition_rows_ * partition_rows_; row < before + mine; row += partition_rows_) {
        const auto next = std::ranges::upper_bound(marks, row - before, {}, &Mark::row);
        const Mark& mark = *(next - 1);
        starts.insert(starts.end(), {mark.at.file, mark.at.offset, row - before - mark.row});
    }
    const auto all = parallel::all_gather(comm, std::span<const std::int64_t>(starts));  // in order of ranks, hence of rows
    for (std::size_t i = 0; i < all.size(); i += 3) starts_.push_back({static_cast<std::int32_t>(all[i]), all[i + 1], all[i + 2]});
}

std::int64_t TextTable::partition_rows(std::int32_t partition) const {
    return std::min(partition_rows_, rows_ - first_row(partition));
}

TextTable::Texts TextTable::read(std::int32_t partition) const {
    const Start& start = starts_[static_cast<std::size_t>(partition)];
    const std::int64_t wanted = partition_rows(partition);
    Texts result;
    std::int64_t offset = start.offset, skip = start.skip, done = 0;
    std::string buffer;
    for (auto file = static_cast<std::size_t>(start.file); done < wanted; ++file) {
        const InputHead& head = files_[file];
        constexpr std::int64_t end = std::numeric_limits<std::int64_t>::max();
        InputWindow bytes(open_source(head.path), end, window);
        RecordCursor cursor(bytes, head.grammar, done == 0 ? offset : head.data_start, end, head.grammar.format == RecordFormat::csv);
        RecordValues values(head.grammar.format, encodings_[file], head.header);
        while (done < wanted && cursor.next()) {
            if (skip-- > 0) continue;
            const std::int64_t row = first_row(partition) + done++;
            std::string_view text;
            std::vector<std::int32_t> ids;
            Reason reason = values.open(cursor.record());
            if (reason == Reason::none && !holds_ids_ && !values.has(columns_[file])) reason = Reason::too_few_fields;
            if (reason == Reason::none)
                reason = holds_ids_ ? values.token_ids(columns_[file], ids) : values.value(columns_[file], buffer, text);
            if (reason != Reason::none) ids.clear();
            if (reason != Reason::none && result.rejected++ == 0) result.first_rejected = row, result.reason = reason;
            if (holds_ids_) result.ids.push_back(std::move(ids));
            else result.texts.emplace_back(reason == Reason::none ? text : std::string_view());
        }
    }
    return result;
}

}  // namespace kohort::corpus

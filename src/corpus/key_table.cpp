#include "corpus/key_table.h"

#include <algorithm>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "corpus/csv_reader.h"
#include "corpus/encoding.h"

namespace kohort::corpus {
namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

class KeyTableReader {
  public:
    KeyTableReader(const std::filesystem::path& path, const KeyTableColumns& columns) : path_(path), columns_(columns) {}

    std::vector<KeyedValue> read() {
        if (!std::filesystem::is_regular_file(path_)) fail(base::ErrorKind::usage, "there is no such file");
        const std::string content = base::read_file(path_);
        std::string_view rest = content;
        if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
        if (trimmed(rest).empty()) fail(base::ErrorKind::input, "the file is empty");
        if (!is_utf8(rest)) fail(base::ErrorKind::input, "the file is not in UTF-8; iconv -f gb18030 -t utf-8 turns it into that");
        CsvDialect dialect;
        dialect.delimiter = guess_delimiter(rest.substr(0, rest.find('\n')));
        std::vector<CsvField> fields;
        for (std::int64_t record = 0; !rest.empty();) {
            const auto scan = scan_csv_record(rest, true, dialect, &fields);
            if (scan.state != ScanState::complete) fail(base::ErrorKind::input, fmt::format("record {} is not CSV", record));
            if (scan.length > 0) take(fields, record++);
            rest.remove_prefix(static_cast<std::size_t>(scan.next));
        }
        return std::move(values_);
    }

  private:
    [[noreturn]] void fail(base::ErrorKind kind, const std::string& why) const {
        base::fail(kind, "{} {}: {}", columns_.option, path_.string(), why);
    }

    void take(const std::vector<CsvField>& fields, std::int64_t record) {
        std::string buffer;
        if (record == 0) {
            for (const CsvField& field : fields) header_.emplace_back(trimmed(csv_value(field, buffer)));
            key_ = column(columns_.key, 0, true);
            value_ = column(columns_.value, 1, columns_.other_value);
            if (key_ == value_) fail(base::ErrorKind::usage, fmt::format("the column '{}' cannot be both", header_[key_]));
            return;
        }
        if (fields.size() != header_.size())
            fail(base::ErrorKind::input, fmt::format("record {} has {} fields, and the header {}", record, fields.size(), header_.size()));
        std::string other;
        const auto key = csv_value(fields[key_], buffer), value = trimmed(csv_value(fields[value_], other));
        if (trimmed(key).empty() || value.empty()) return;
        values_.push_back({std::string(key), std::string(value), record});
    }

    std::size_t column(const std::string& name, std::size_t instead, bool may_be_another) const {
        const auto found = std::find(header_.begin(), header_.end(), name);
        if (found != header_.end()) return static_cast<std::size_t>(found - header_.begin());
        if (may_be_another && instead < header_.size()) return instead;
        std::string all;
        for (const std::string& known : header_) all += (all.empty() ? "" : ", ") + known;
        fail(base::ErrorKind::usage, fmt::format("there is no column '{}'; the header has {}", name, all));
    }

    const std::filesystem::path& path_;
    const KeyTableColumns& columns_;
    std::vector<std::string> header_;
    std::size_t key_ = 0, value_ = 0;
    std::vector<KeyedValue> values_;
};

}  // namespace

std::vector<KeyedValue> read_key_table(const std::filesystem::path& path, const KeyTableColumns& columns) {
    return KeyTableReader(path, columns).read();
}

}  // namespace kohort::corpus

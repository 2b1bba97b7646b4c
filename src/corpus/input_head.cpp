#include "corpus/input_head.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "corpus/cleaner.h"
#include "corpus/record_values.h"

namespace kohort::corpus {
namespace {

using base::ErrorKind;
namespace fs = std::filesystem;

constexpr std::int64_t usual_head = std::int64_t{32} << 10;
constexpr std::size_t most_samples = 100;

RecordFormat format_of(const fs::path& path) {
    const auto extension = uncompressed_name(path).extension();
    return extension == ".jsonl" || extension == ".ndjson" ? RecordFormat::json_lines : RecordFormat::csv;
}

// Bytes that are at hand already, as a source.
class HeadSource : public ByteSource {
  public:
    explicit HeadSource(std::string_view bytes) : bytes_(bytes) {}
    std::int64_t read_at(std::int64_t offset, std::span<char> into) override {
        const auto rest = bytes_.substr(std::min(static_cast<std::size_t>(offset), bytes_.size()));
        const auto count = std::min(rest.size(), into.size());
        std::memcpy(into.data(), rest.data(), count);
        return static_cast<std::int64_t>(count);
    }
    std::optional<std::int64_t> size() const override { return static_cast<std::int64_t>(bytes_.size()); }

  private:
    std::string_view bytes_;
};

RecordGrammar grammar_of(const fs::path& path, std::string_view text, const CsvDialect& csv) {
    RecordGrammar grammar{format_of(path), csv};
    grammar.csv.delimiter = guess_delimiter(text.substr(0, text.find('\n')));
    return grammar;
}

std::string decoded(std::string_view bytes, Encoding known) {
    std::string text;
    if ((known != Encoding::gb18030 && is_utf8(bytes)) || !Gb18030Decoder().decode(bytes, text)) text.assign(bytes);
    return is_utf8(text) ? cleaned(text) : text;
}

std::vector<std::string> values_of(const Record& record, Encoding known) {
    std::vector<std::string> values;
    std::string buffer;
    for (const auto& field : record.fields) values.push_back(decoded(csv_value(field, buffer), known));
    return values;
}

void read_csv_columns(InputHead& head, RecordCursor& cursor, Encoding known) {
    if (!cursor.next() || cursor.record().reason != Reason::none)
        base::fail(ErrorKind::input, "{}: its header line is no CSV record ({})", head.path.string(),
                   name_of(cursor.record().reason));
    head.header = values_of(cursor.record(), known);
    head.data_start = cursor.position();
    while (head.samples.size() < most_samples && cursor.next())
        if (cursor.record().reason == Reason::none) head.samples.push_back(values_of(cursor.record(), known));
}

void read_json_columns(InputHead& head, RecordCursor& cursor) {
    head.data_start = cursor.position();
    for (std::size_t lines = 0; lines < most_samples && cursor.next(); ++lines)
        for (auto& name : json_member_names(cursor.record().bytes))
            if (std::find(head.header.begin(), head.header.end(), name) == head.header.end())
                head.header.push_back(std::move(name));
    if (head.header.empty())
        base::fail(ErrorKind::input, "{}: its first lines are no JSON objects; a .jsonl file has one a line", head.path.string());
}

}  // namespace

std::string read_head_bytes(const fs::path& path, const CsvDialect& csv, std::int64_t* bytes_read) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status)) base::fail(ErrorKind::input, "input {} does not exist", path.string());
    if (fs::is_directory(status)) base::fail(ErrorKind::input, "input {} is a folder; name the files in it", path.string());
    auto source = open_source(path);
    if (source->size() == 0) base::fail(ErrorKind::input, "input {} is empty", path.string());

    InputWindow window(std::move(source), 0, std::numeric_limits<std::int64_t>::max());
    while (static_cast<std::int64_t>(window.from(0).size()) < usual_head && !window.at_end()) window.extend(0);
    if (window.from(0).empty()) base::fail(ErrorKind::input, "input {} is empty", path.string());
    const auto mark = read_byte_order_mark(window.from(0), path.string());
    const auto grammar = grammar_of(path, window.from(mark.length), csv);
    // A header longer than usual, or blank lines after it: read on until the first record is there.
    RecordCursor cursor(window, grammar, mark.length, std::numeric_limits<std::int64_t>::max(), false);
    const bool has_header = grammar.format == RecordFormat::json_lines || cursor.next();
    if (!has_header || !cursor.next())
        base::fail(ErrorKind::input, "input {} holds no record{}", path.string(), has_header ? " after its header" : "");
    std::string bytes(window.from(0));
    // Samples end with a whole record.
    if (!window.at_end() && cursor.position() < static_cast<std::int64_t>(bytes.size())) {
        const auto whole = bytes.rfind('\n');
        bytes.resize(std::max(static_cast<std::size_t>(cursor.position()), whole + 1));
    }
    if (bytes_read) *bytes_read += window.bytes_read();
    return bytes;
}

InputHead interpret_head(const fs::path& path, std::int64_t size, const std::string& bytes, Encoding wanted,
                         const CsvDialect& csv) {
    InputHead head;
    head.path = path;
    head.name = path.filename().string();
    head.size = size;
    const auto mark = read_byte_order_mark(bytes, path.string());
    head.marked = mark.encoding;
    head.grammar = grammar_of(path, std::string_view(bytes).substr(static_cast<std::size_t>(mark.length)), csv);
    const auto known = wanted == Encoding::automatic ? mark.encoding : wanted;
    InputWindow window(std::make_unique<HeadSource>(bytes), static_cast<std::int64_t>(bytes.size()),
                       std::numeric_limits<std::int64_t>::max());
    RecordCursor cursor(window, head.grammar, mark.length, std::numeric_limits<std::int64_t>::max(), true);
    if (head.grammar.format == RecordFormat::csv) read_csv_columns(head, cursor, known);
    else read_json_columns(head, cursor);
    return head;
}

}  // namespace kohort::corpus

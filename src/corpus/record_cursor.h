// Walks over the records of a stretch of an input file, reading it in pieces. Records are CSV records or JSON lines.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/byte_source.h"
#include "corpus/csv_reader.h"

namespace kohort::corpus {

enum class RecordFormat : std::int32_t { csv, json_lines };

struct RecordGrammar {
    RecordFormat format = RecordFormat::csv;
    CsvDialect csv;  // its limits hold for JSON lines too: a line over most_record is a record_too_long
};

// A moving view of a source. It keeps what it has read while that fits `capacity`, so that a second pass over the
// same stretch costs no reading; otherwise it forgets what lies behind and reads again when asked to go back.
class InputWindow {
  public:
    // Beyond `stretch_end` only small pieces are read: there lie other ranks' records.
    InputWindow(std::unique_ptr<ByteSource> source, std::int64_t stretch_end, std::int64_t capacity);

    // The bytes at hand from `offset` on; none at the end of the input. Valid until the next call.
    std::string_view from(std::int64_t offset);
    // Whether the input is known to end with the bytes at hand.
    bool at_end() const { return ended_; }
    // Reads one more piece; what lies before `keep_from` may go. No effect at the end of the input.
    void extend(std::int64_t keep_from);

    // The first line feed in [offset, limit), or else `limit` or where the input ends; what lies before may go.
    std::int64_t find_line_feed(std::int64_t offset, std::int64_t limit = std::numeric_limits<std::int64_t>::max());
    bool has_byte(std::int64_t offset, char value);  // false also beyond the end

    std::int64_t bytes_read() const { return source_->bytes_read(); }

  private:
    std::int64_t end() const { return start_ + static_cast<std::int64_t>(bytes_.size()); }

    std::unique_ptr<ByteSource> source_;
    std::int64_t stretch_end_, capacity_;
    std::string bytes_;  // of the input from start_ on
    std::int64_t start_ = 0;
    bool ended_ = false;
};

struct Record {
    std::int64_t offset = 0;       // in the input
    std::int64_t length = 0;       // without the line break
    Reason reason = Reason::none;  // why it is no record; `bytes` and `fields` are empty then
    std::string_view bytes;
    std::vector<CsvField> fields;  // CSV, and only where fields were asked for
};

class RecordCursor {
  public:
    // Starts at `start`, a record start, and ends before the first record that starts at or after `end`.
    RecordCursor(InputWindow& window, const RecordGrammar& grammar, std::int64_t start, std::int64_t end, bool want_fields);

    // Moves to the next record; blank lines are none. false at the end.
    bool next();
    const Record& record() const { return record_; }  // its views are valid until next() or another use of the window

    // Where the next record starts.
    std::int64_t position() const { return position_; }

  private:
    void take_broken(const RecordScan& scan);

    InputWindow& window_;
    const RecordGrammar& grammar_;
    std::int64_t position_, end_;
    bool want_fields_;
    Record record_;
};

}  // namespace kohort::corpus

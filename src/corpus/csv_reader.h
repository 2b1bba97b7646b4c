// One CSV record at a time (RFC 4180), from any record start and without looking back: what a record is depends on
// the bytes from its start on only, so that ranks can begin anywhere and agree (splitter.h).
//
// A field is quoted when its first byte is a quote; a quote inside an unquoted field is an ordinary byte. A line
// ends at LF, and a CR before it belongs to the line break. A record that breaks the rules ends with a physical
// line, and the next line starts a new record:
//  - a quoted field that is not closed within `most_field` bytes or by the end of the input, or whose closing quote
//    is followed by something else than a separator: with the line of its opening quote. So an unclosed quote costs
//    one line, and never more than `most_field` bytes are looked at in vain;
//  - a field over `most_field` bytes: with the line it begins in;
//  - a record over `most_record` bytes: with the line of its first field that begins beyond the limit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/rejection.h"

namespace kohort::corpus {

struct CsvDialect {
    char delimiter = ',';  // a byte below 0x30, so that no GB18030 character holds it
    std::int64_t most_field = std::int64_t{1} << 20;    // raw bytes between the quotes
    std::int64_t most_record = std::int64_t{16} << 20;  // bytes
};

struct CsvField {
    std::string_view raw;  // without its enclosing quotes
    bool doubled = false;  // holds doubled quotes
};

enum class ScanState {
    complete,   // length and next are set
    truncated,  // the record goes on beyond the given bytes: scan again with more
    broken      // the record ends with the first line break at or after search_from, which may lie beyond the bytes
};

struct RecordScan {
    ScanState state = ScanState::truncated;
    std::int64_t length = 0;       // bytes of the record without its line break
    std::int64_t next = 0;         // bytes from this record's start to the next one's
    std::int64_t search_from = 0;  // for broken ones
    Reason reason = Reason::none;  // for broken ones
};

// Scans the record that starts at bytes[0]; `at_end` says that the input ends with these bytes. `fields`, where
// given, receives the fields of a complete record as views of `bytes`. bytes must not be empty.
RecordScan scan_csv_record(std::string_view bytes, bool at_end, const CsvDialect& dialect, std::vector<CsvField>* fields);

// A field's value: doubled quotes become one. `buffer` is used when the value is not a part of the input.
std::string_view csv_value(const CsvField& field, std::string& buffer);

// Appends a field, quoted if it must be (it holds the delimiter, a quote, CR or LF, or has white space at an end).
void append_csv_field(std::string& line, std::string_view value, char delimiter = ',');

// The delimiter of a header line: a comma if it has one outside quotes, else a tab, else a semicolon, else a comma.
char guess_delimiter(std::string_view header_line);

}  // namespace kohort::corpus

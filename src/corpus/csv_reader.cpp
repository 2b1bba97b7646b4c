#include "corpus/csv_reader.h"

#include <algorithm>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace kohort::corpus {
namespace {

// The first byte equal to `a` or `b` in [at, end), or end.
const char* find_either(const char* at, const char* end, char a, char b) {
#ifdef __SSE2__
    const __m128i all_a = _mm_set1_epi8(a), all_b = _mm_set1_epi8(b);
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const auto hits = static_cast<unsigned>(
            _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, all_a), _mm_cmpeq_epi8(bytes, all_b))));
        if (hits) return at + __builtin_ctz(hits);
    }
#endif
    while (at < end && *at != a && *at != b) ++at;
    return at;
}

const char* find_byte(const char* at, const char* end, char byte) {
    const void* hit = at < end ? std::memchr(at, byte, static_cast<std::size_t>(end - at)) : nullptr;
    return hit ? static_cast<const char*>(hit) : end;
}

// The scan of one record: a field at a time, each function returning where the next field starts.
class RecordScanner {
  public:
    RecordScanner(std::string_view bytes, bool at_end, const CsvDialect& dialect, std::vector<CsvField>* fields)
        : begin_(bytes.data()), end_(bytes.data() + bytes.size()), at_end_(at_end), dialect_(dialect), fields_(fields) {
        if (fields_) fields_->clear();
    }

    RecordScan scan() {
        const char* field = begin_;
        while (field) {
            if (field - begin_ > dialect_.most_record) {
                break_at(field, Reason::record_too_long);
                break;
            }
            field = field < end_ && *field == '"' ? scan_quoted(field) : scan_plain(field);
        }
        return result_;
    }

  private:
    const char* scan_plain(const char* first) {
        const char* limit = end_ - first > dialect_.most_field ? first + dialect_.most_field + 1 : end_;
        const char* stop = find_either(first, limit, dialect_.delimiter, '\n');
        if (stop == limit) {
            if (limit != end_ || limit - first > dialect_.most_field) return break_at(first, Reason::field_too_long);
            if (!at_end_) return nullptr;
            const char* last = stop > first && stop[-1] == '\r' ? stop - 1 : stop;
            add(first, last, false);
            return finish(last, stop);
        }
        if (*stop == '\n') {
            const char* last = stop > first && stop[-1] == '\r' ? stop - 1 : stop;
            add(first, last, false);
            return finish(last, stop + 1);
        }
        add(first, stop, false);
        return stop + 1;
    }

    const char* scan_quoted(const char* open) {
        const char* first = open + 1;
        const bool cut = end_ - first > dialect_.most_field;  // the limit lies within the bytes
        const char* limit = cut ? first + dialect_.most_field + 1 : end_;
        bool doubled = false;
        for (const char* at = first;;) {
            const char* quote = find_byte(at, limit, '"');
            if (quote >= limit) {
                if (cut) return break_at_quote(open, limit, Reason::field_too_long);
                return at_end_ ? break_at(open, Reason::unclosed_quote) : nullptr;
            }
            const char* after = quote + 1;
            if (after == end_) {
                if (!at_end_) return nullptr;
                add(first, quote, doubled);
                return finish(after, after);
            }
            if (*after == '"') {
                doubled = true;
                at = after + 1;
                continue;
            }
            if (*after == dialect_.delimiter) {
                add(first, quote, doubled);
                return after + 1;
            }
            if (*after == '\r' && after + 1 == end_ && !at_end_) return nullptr;
            const char* line_feed = *after == '\r' ? after + 1 : after;
            if (line_feed == end_ || *line_feed == '\n') {
                add(first, quote, doubled);
                return finish(after, std::min(line_feed + 1, end_));
            }
            return break_at_quote(open, quote, Reason::stray_quote);
        }
    }

    void add(const char* first, const char* last, bool doubled) {
        if (fields_) fields_->push_back({{first, static_cast<std::size_t>(last - first)}, doubled});
    }

    const char* finish(const char* last, const char* next) {
        result_.state = ScanState::complete;
        result_.length = last - begin_;
        result_.next = next - begin_;
        return nullptr;
    }

    const char* break_at(const char* search_from, Reason reason) {
        result_.state = ScanState::broken;
        result_.search_from = search_from - begin_;
        result_.reason = reason;
        return nullptr;
    }

    // The field that opens at `open` is no field: nothing up to `seen` closes it. If it swallowed a line break, the
    // quote was never closed; otherwise the line itself is at fault, for `reason`.
    const char* break_at_quote(const char* open, const char* seen, Reason reason) {
        const bool swallowed = find_byte(open, seen, '\n') != seen;
        return break_at(open, swallowed ? Reason::unclosed_quote : reason);
    }

    const char* begin_;
    const char* end_;
    bool at_end_;
    const CsvDialect& dialect_;
    std::vector<CsvField>* fields_;
    RecordScan result_;
};

}  // namespace

RecordScan scan_csv_record(std::string_view bytes, bool at_end, const CsvDialect& dialect, std::vector<CsvField>* fields) {
    return RecordScanner(bytes, at_end, dialect, fields).scan();
}

std::string_view csv_value(const CsvField& field, std::string& buffer) {
    if (!field.doubled) return field.raw;
    buffer.clear();
    for (std::size_t i = 0; i < field.raw.size(); ++i) {
        buffer.push_back(field.raw[i]);
        if (field.raw[i] == '"') ++i;  // inside a quoted field quotes come in pairs
    }
    return buffer;
}

void append_csv_field(std::string& line, std::string_view value, char delimiter) {
    const bool blank_end = !value.empty() && (value.front() == ' ' || value.back() == ' ');
    const bool special = value.find('"') != value.npos || value.find('\n') != value.npos ||
                         value.find('\r') != value.npos || value.find(delimiter) != value.npos;
    if (!blank_end && !special) {
        line += value;
        return;
    }
    line += '"';
    for (const char c : value) {
        line += c;
        if (c == '"') line += '"';
    }
    line += '"';
}

char guess_delimiter(std::string_view header_line) {
    bool quoted = false, tab = false, semicolon = false;
    for (const char c : header_line) {
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if (c == ',') return ',';
        tab |= c == '\t';
        semicolon |= c == ';';
    }
    return tab ? '\t' : semicolon ? ';' : ',';
}

}  // namespace kohort::corpus

// The definition of a CSV input's records written down plainly, a byte at a time over the whole file: the oracle
// that readers and ranks are compared with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "corpus/rejection.h"

namespace kohort::corpus {

struct NaiveRecord {
    std::int64_t offset = 0, length = 0;
    std::vector<std::string> fields;  // of a good record
    Reason reason = Reason::none;

    friend bool operator==(const NaiveRecord&, const NaiveRecord&) = default;
};

inline std::vector<NaiveRecord> naive_records(const std::string& text, std::size_t most_field, std::size_t most_record) {
    std::vector<NaiveRecord> records;
    std::size_t start = 0;
    while (start < text.size()) {
        NaiveRecord record;
        record.offset = static_cast<std::int64_t>(start);
        std::size_t at = start, end = 0, next = 0, broken_at = 0;
        bool done = false;
        while (!done && record.reason == Reason::none) {
            const std::size_t field_start = at;
            std::string value;
            if (field_start - start > most_record) {
                record.reason = Reason::record_too_long;
                broken_at = field_start;
                break;
            }
            if (at < text.size() && text[at] == '"') {
                ++at;
                std::size_t raw = 0;
                bool closed = false, line = false;
                while (at < text.size() && raw <= most_field) {
                    if (text[at] == '"' && at + 1 < text.size() && text[at + 1] == '"') {
                        value += '"';
                        at += 2;
                        raw += 2;
                    } else if (text[at] == '"') {
                        closed = true;
                        ++at;
                        break;
                    } else {
                        line |= text[at] == '\n';
                        value += text[at++];
                        ++raw;
                    }
                }
                const bool too_long = !closed && raw > most_field;
                const bool lawful = closed && (at == text.size() || text[at] == ',' || text[at] == '\n' ||
                                               (text[at] == '\r' && (at + 1 == text.size() || text[at + 1] == '\n')));
                if (!lawful) {
                    // A line break exactly at the limit was looked at only within the first most_field + 1 bytes.
                    line = text.substr(field_start + 1, std::min(at - field_start - 1, most_field + 1)).find('\n') != text.npos;
                    if (line) record.reason = Reason::unclosed_quote;
                    else if (closed) record.reason = Reason::stray_quote;
                    else record.reason = too_long ? Reason::field_too_long : Reason::unclosed_quote;
                    broken_at = field_start;
                    break;
                }
            } else {
                while (at < text.size() && text[at] != ',' && text[at] != '\n') value += text[at++];
                if (at - field_start > most_field) {
                    record.reason = Reason::field_too_long;
                    broken_at = field_start;
                    break;
                }
                if ((at == text.size() || text[at] == '\n') && !value.empty() && value.back() == '\r') {
                    value.pop_back();
                    --at;
                }
            }
            record.fields.push_back(value);
            if (at < text.size() && text[at] == ',') {
                ++at;
                continue;
            }
            end = at;
            if (at < text.size() && text[at] == '\r') ++at;
            if (at < text.size() && text[at] == '\n') ++at;
            next = at;
            done = true;
        }
        if (record.reason != Reason::none) {
            record.fields.clear();
            end = std::min(text.find('\n', broken_at), text.size());
            next = std::min(end + 1, text.size());
            if (end > start && text[end - 1] == '\r') --end;
        }
        record.length = static_cast<std::int64_t>(end - start);
        start = next;
        if (record.length > 0 || record.reason != Reason::none) records.push_back(record);
    }
    return records;
}

}  // namespace kohort::corpus

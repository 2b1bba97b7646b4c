#include "corpus/record_cursor.h"

#include <algorithm>
#include <cstring>

#include "parallel/heartbeat.h"

namespace kohort::corpus {
namespace {

constexpr std::int64_t piece_inside = std::int64_t{4} << 20;
constexpr std::int64_t piece_beyond = std::int64_t{16} << 10;

RecordScan scan_line(std::string_view bytes, bool at_end, std::int64_t most_record) {
    RecordScan scan;
    const auto line_feed = bytes.find('\n');
    const auto length = static_cast<std::int64_t>(std::min(line_feed, bytes.size()));
    if (length > most_record) {
        scan.state = ScanState::broken;
        scan.reason = Reason::record_too_long;
        scan.search_from = most_record;
        return scan;
    }
    if (line_feed == bytes.npos && !at_end) return scan;
    scan.state = ScanState::complete;
    scan.next = line_feed == bytes.npos ? length : length + 1;
    const bool carriage_return = length > 0 && bytes[static_cast<std::size_t>(length) - 1] == '\r';
    scan.length = carriage_return ? length - 1 : length;
    return scan;
}

}  // namespace

InputWindow::InputWindow(std::unique_ptr<ByteSource> source, std::int64_t stretch_end, std::int64_t capacity)
    : source_(std::move(source)), stretch_end_(stretch_end), capacity_(capacity) {}

std::string_view InputWindow::from(std::int64_t offset) {
    if (offset < start_ || offset > end()) {
        bytes_.clear();
        start_ = offset;
        ended_ = false;
    }
    if (offset == end()) extend(offset);
    return std::string_view(bytes_).substr(static_cast<std::size_t>(offset - start_));
}

void InputWindow::extend(std::int64_t keep_from) {
    if (ended_) return;
    parallel::heartbeat();
    const auto at = end();
    const auto piece = at < stretch_end_ ? std::min(piece_inside, stretch_end_ - at) : piece_beyond;
    if (static_cast<std::int64_t>(bytes_.size()) + piece > capacity_) {
        bytes_.erase(0, static_cast<std::size_t>(std::min(keep_from, at) - start_));
        start_ = std::min(keep_from, at);
    } else if (bytes_.capacity() < bytes_.size() + static_cast<std::size_t>(piece) && stretch_end_ < capacity_ + start_) {
        // All of the stretch will be kept: make room for it once.
        bytes_.reserve(static_cast<std::size_t>(stretch_end_ - start_ + 4 * piece_beyond));
    }
    const auto had = bytes_.size();
    bytes_.resize(had + static_cast<std::size_t>(piece));
    const auto got = source_->read_at(at, std::span(bytes_).subspan(had));
    bytes_.resize(had + static_cast<std::size_t>(got));
    ended_ = got < piece || source_->size() == end();
}

std::int64_t InputWindow::find_line_feed(std::int64_t offset, std::int64_t limit) {
    for (;;) {
        const auto bytes = from(offset);
        if (const auto hit = bytes.find('\n'); hit != bytes.npos)
            return std::min(offset + static_cast<std::int64_t>(hit), limit);
        offset += static_cast<std::int64_t>(bytes.size());
        if (ended_ || offset >= limit) return std::min(offset, limit);
        extend(offset - 1);  // the byte before a line feed may be its CR
    }
}

bool InputWindow::has_byte(std::int64_t offset, char value) {
    const auto bytes = from(offset);
    return !bytes.empty() && bytes.front() == value;
}

RecordCursor::RecordCursor(InputWindow& window, const RecordGrammar& grammar, std::int64_t start, std::int64_t end,
                           bool want_fields)
    : window_(window), grammar_(grammar), position_(start), end_(end), want_fields_(want_fields) {}

bool RecordCursor::next() {
    while (position_ < end_) {
        const auto bytes = window_.from(position_);
        if (bytes.empty()) return false;
        const auto scan = grammar_.format == RecordFormat::csv
                              ? scan_csv_record(bytes, window_.at_end(), grammar_.csv, want_fields_ ? &record_.fields : nullptr)
                              : scan_line(bytes, window_.at_end(), grammar_.csv.most_record);
        if (scan.state == ScanState::truncated) {
            window_.extend(position_);
            continue;
        }
        record_.offset = position_;
        if (scan.state == ScanState::broken) {
            take_broken(scan);
            return true;
        }
        record_.length = scan.length;
        record_.reason = Reason::none;
        record_.bytes = bytes.substr(0, static_cast<std::size_t>(scan.length));
        position_ += scan.next;
        if (scan.length > 0) return true;
    }
    return false;
}

void RecordCursor::take_broken(const RecordScan& scan) {
    record_.reason = scan.reason;
    record_.bytes = {};
    record_.fields.clear();
    const auto line_feed = window_.find_line_feed(position_ + scan.search_from);
    const bool carriage_return = line_feed > position_ && window_.has_byte(line_feed - 1, '\r');
    record_.length = line_feed - position_ - (carriage_return ? 1 : 0);
    position_ = window_.has_byte(line_feed, '\n') ? line_feed + 1 : line_feed;
}

}  // namespace kohort::corpus

#include "corpus/input_set.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <span>

#include "base/error.h"
#include "corpus/input_head.h"
#include "parallel/collectives.h"

namespace kohort::corpus {
namespace {

namespace fs = std::filesystem;

// A window that does not keep all it reads works on pieces of about this size.
constexpr std::int64_t streaming_capacity = std::int64_t{32} << 20;
// What a window that keeps everything may hold beyond its stretch: the rest of the last record.
constexpr std::int64_t overhang = std::int64_t{64} << 20;

// Names for quarantine rows: file names, or paths as given where file names repeat.
void name_files(std::vector<InputHead>& files) {
    std::set<std::string> names;
    for (const auto& file : files) names.insert(file.name);
    if (names.size() == files.size()) return;
    for (auto& file : files) file.name = file.path.string();
}

// Most files are UTF-8 all through, and that is quickly seen. Pieces end with a line, so never inside a character.
bool is_all_utf8(OpenStretch& open) {
    for (std::int64_t at = open.first; at < open.stretch.end;) {
        auto bytes = open.window->from(at);
        if (bytes.empty()) break;
        const auto last = bytes.rfind('\n');
        if (last == bytes.npos && !open.window->at_end()) {
            open.window->extend(at);
            continue;
        }
        if (last != bytes.npos) bytes = bytes.substr(0, last + 1);
        if (!is_utf8(bytes)) return false;
        at += static_cast<std::int64_t>(bytes.size());
    }
    return true;
}

}  // namespace

InputSet::InputSet(parallel::Communicator& comm, const std::vector<fs::path>& paths, Encoding wanted, const InputLimits& limits)
    : wanted_(wanted) {
    for (const auto& path : paths) {
        std::string bytes;
        std::int64_t size = 0;
        if (comm.is_root()) {  // an error here is the root's alone; the others learn of it in the broadcast
            bytes = read_head_bytes(path, limits.csv, &bytes_read_before_);
            size = static_cast<std::int64_t>(fs::file_size(path));
            interpret_head(path, size, bytes, wanted, limits.csv);
        }
        parallel::broadcast_resized(comm, bytes);
        parallel::broadcast(comm, std::span(&size, 1));
        files_.push_back(interpret_head(path, size, bytes, wanted, limits.csv));
    }
    name_files(files_);

    std::vector<SplitFile> split;
    for (const auto& file : files_) split.push_back({file.size, compression_of(file.path) != Compression::none});
    const auto stretches = stretches_of(split, comm.rank(), comm.size(), limits.granularity);
    std::int64_t plain_bytes = 0, compressed_files = 0;
    for (const auto& stretch : stretches) {
        const bool known = stretch.end != std::numeric_limits<std::int64_t>::max();
        plain_bytes += known ? stretch.end - stretch.begin : 0;
        compressed_files += !known;
    }
    for (const auto& stretch : stretches) {
        const bool known = stretch.end != std::numeric_limits<std::int64_t>::max();
        auto capacity = streaming_capacity;
        if (known && plain_bytes <= limits.memory) capacity = stretch.end - stretch.begin + overhang;
        if (!known) capacity = std::max(streaming_capacity, (limits.memory - plain_bytes) / compressed_files);
        auto source = open_source(files_[static_cast<std::size_t>(stretch.file)].path);
        stretches_.push_back({stretch, std::make_unique<InputWindow>(std::move(source), stretch.end, capacity), 0});
    }
}

std::vector<Fingerprint> InputSet::fingerprints(parallel::Communicator& comm) {
    std::vector<Fingerprint> sums(files_.size());
    for (auto& [stretch, window, first] : stretches_) {
        auto& sum = sums[static_cast<std::size_t>(stretch.file)];
        for (std::int64_t at = stretch.begin; at < stretch.end;) {
            auto bytes = window->from(at);
            while (static_cast<std::int64_t>(bytes.size()) < Fingerprint::block && !window->at_end()) {
                window->extend(at);
                bytes = window->from(at);
            }
            if (bytes.empty()) break;
            bytes = bytes.substr(0, static_cast<std::size_t>(std::min(Fingerprint::block, stretch.end - at)));
            sum.add_block(at / Fingerprint::block, bytes);
            at += static_cast<std::int64_t>(bytes.size());
        }
    }
    std::vector<std::uint64_t> numbers;
    for (const auto& sum : sums) numbers.insert(numbers.end(), {sum.sums[0], sum.sums[1], sum.bytes});
    parallel::all_reduce(comm, std::span(numbers), parallel::ReduceOperation::sum);
    for (std::size_t f = 0; f < sums.size(); ++f) {
        sums[f].sums = {numbers[3 * f], numbers[3 * f + 1]};
        sums[f].bytes = numbers[3 * f + 2];
    }
    return sums;
}

void InputSet::find_records(parallel::Communicator& comm) {
    std::vector<std::int64_t> data_start;
    std::vector<RecordGrammar> grammars;
    for (const auto& file : files_) {
        data_start.push_back(file.data_start);
        grammars.push_back(file.grammar);
    }
    find_first_records(comm, stretches_, data_start, grammars);
    count_encodings(comm);
}

void InputSet::count_encodings(parallel::Communicator& comm) {
    encodings_.assign(files_.size(), Encoding::utf8);
    std::vector<bool> open(files_.size());
    for (std::size_t f = 0; f < files_.size(); ++f) {
        if (wanted_ != Encoding::automatic) encodings_[f] = wanted_;
        else if (files_[f].marked != Encoding::automatic) encodings_[f] = files_[f].marked;
        else open[f] = files_[f].grammar.format == RecordFormat::csv;
        if (files_[f].grammar.format == RecordFormat::json_lines) encodings_[f] = Encoding::utf8;  // RFC 8259, section 8.1
    }
    std::vector<std::int32_t> doubtful(files_.size());
    for (auto& stretch : stretches_) {
        const auto f = static_cast<std::size_t>(stretch.stretch.file);
        if (open[f] && !is_all_utf8(stretch)) doubtful[f] = 1;
    }
    parallel::all_reduce(comm, std::span(doubtful), parallel::ReduceOperation::maximum);

    std::vector<EncodingCensus> censuses(files_.size());
    for (auto& [stretch, window, first] : stretches_) {
        const auto f = static_cast<std::size_t>(stretch.file);
        if (!doubtful[f]) continue;
        RecordCursor cursor(*window, files_[f].grammar, first, stretch.end, false);
        while (cursor.next())
            if (cursor.record().reason == Reason::none) censuses[f].add(cursor.record().bytes);
    }
    std::vector<std::int64_t> counts;
    for (const auto& census : censuses)
        counts.insert(counts.end(), {census.records, census.beyond_ascii, census.not_utf8, census.chinese});
    parallel::all_reduce(comm, std::span(counts), parallel::ReduceOperation::sum);
    for (std::size_t f = 0; f < files_.size(); ++f)
        if (doubtful[f])
            encodings_[f] = decide_encoding({counts[4 * f], counts[4 * f + 1], counts[4 * f + 2], counts[4 * f + 3]});
}

bool InputSet::next() {
    while (current_ < stretches_.size()) {
        auto& [stretch, window, first] = stretches_[current_];
        const auto& grammar = files_[static_cast<std::size_t>(stretch.file)].grammar;
        if (!cursor_) cursor_ = std::make_unique<RecordCursor>(*window, grammar, first, stretch.end, true);
        if (cursor_->next()) return true;
        bytes_consumed_before_ += cursor_->position() - stretch.begin;
        bytes_read_before_ += window->bytes_read();
        cursor_.reset();
        window.reset();  // its memory is needed elsewhere
        ++current_;
    }
    return false;
}

std::int64_t InputSet::bytes_read() const {
    auto sum = bytes_read_before_;
    for (const auto& open : stretches_) sum += open.window ? open.window->bytes_read() : 0;
    return sum;
}

std::int64_t InputSet::bytes_consumed() const {
    return bytes_consumed_before_ + (cursor_ ? cursor_->position() - stretches_[current_].stretch.begin : 0);
}

std::int64_t InputSet::bytes_total() const {
    return std::accumulate(files_.begin(), files_.end(), std::int64_t{0},
                           [](std::int64_t sum, const InputHead& file) { return sum + file.size; });
}

}  // namespace kohort::corpus

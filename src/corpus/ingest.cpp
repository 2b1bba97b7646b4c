#include "corpus/ingest.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>
#include <span>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "corpus/deduplicator.h"
#include "corpus/document_builder.h"
#include "corpus/ingest_inputs.h"
#include "corpus/record_parser.h"
#include "corpus/user_document.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"

namespace kohort::corpus {
namespace {

using base::ErrorKind;
using base::human_count;

constexpr std::size_t partitions_between_stops = 8;

void fail_if_stopped(parallel::Communicator& comm) {
    if (parallel::stop_agreed(comm))
        base::fail(ErrorKind::stopped, "stopped on request while ingesting; finished partitions are kept: run again with --resume");
}

// Collective. The names that any rank has met, sorted by bytes.
std::vector<std::string> agree_on_behaviors(parallel::Communicator& comm, std::set<std::string, std::less<>> names) {
    std::string mine;
    for (const auto& name : names) mine.append(name).push_back('\0');  // cleaned text holds no NUL
    const auto all = parallel::all_gather(comm, std::span<const char>(mine));
    for (auto first = all.begin(); first != all.end();) {
        const auto last = std::find(first, all.end(), '\0');
        names.emplace(first, last);
        first = last + 1;
    }
    if (names.size() > most_behaviors)
        base::fail(ErrorKind::usage,
                   "the behavior column has more than {} different values, so it is none; name the right one with "
                   "--behavior-column, or say --behavior-column none",
                   most_behaviors);
    return {names.begin(), names.end()};
}

class Ingest {
  public:
    Ingest(parallel::Communicator& comm, store::RunFolder& run, const IngestOptions& options)
        : comm_(comm), run_(run), options_(options), shuffle_(comm, options.round_bytes) {}

    IngestReport run() {
        inputs_ = open_inputs(comm_, options_);
        report_.key = corpus_key(comm_, inputs_, options_);
        store::Stage stage(comm_, run_, report_.key, {"corpus"});
        if (stage.complete()) return reused_report();

        describe_inputs();
        read_records();
        read_catalogue();
        quarantine(stage);
        group_users();
        write_partitions(stage);
        finish_report(stage);
        run_.describe("corpus", report_.summary);  // before the stage counts as complete: a crash must not lose it
        stage.finish();
        return std::move(report_);
    }

  private:
    // Reads this rank's part of the input and sends each record to the rank that owns its user.
    void read_records() {
        auto& input = *inputs_.events;
        input.find_records(comm_);
        std::vector<RecordParser> parsers;
        for (std::size_t f = 0; f < input.files().size(); ++f) {
            const auto encoding = input.encoding(static_cast<std::int32_t>(f));
            parsers.emplace_back(inputs_.mappings[f], input.files()[f].grammar.format, encoding, inputs_.pseudonym_key);
            report_.encodings.emplace_back(name_of(encoding));
        }
        base::Progress progress("reading", input.bytes_total(), "bytes", comm_.is_root());
        ParsedRecord parsed;
        for (bool more = true; parallel::all_max(comm_, more ? 1 : 0) != 0;) {
            while (more && !shuffle_.round_is_full() && (more = input.next())) {
                ++report_.read;
                const auto& record = input.record();
                const auto reason = parsers[static_cast<std::size_t>(input.file())].parse(record, parsed);
                if (reason == Reason::none) shuffle_.add(input.file(), record.offset, parsed.id, parsed.events);
                else rejected_.add(input.files()[static_cast<std::size_t>(input.file())].name, record.offset, record.length, reason);
            }
            shuffle_.exchange();
            progress.set(parallel::all_sum(comm_, input.bytes_consumed()));
            fail_if_stopped(comm_);
        }
        std::set<std::string, std::less<>> names;
        for (const auto& parser : parsers) names.insert(parser.behaviors().begin(), parser.behaviors().end());
        behaviors_ = agree_on_behaviors(comm_, std::move(names));
    }

    void read_catalogue() {
        if (!inputs_.catalogue) return;
        inputs_.catalogue->find_records(comm_);
        catalogue_.emplace(comm_, *inputs_.catalogue, inputs_.catalogue_mapping, options_.round_bytes, rejected_items_);
        report_.items = catalogue_->report();
    }

    // Writes the rejected records' places, and stops the job when there are too many of them.
    void quarantine(store::Stage& stage) {
        const std::string name = "corpus/quarantine.jsonl";
        write_quarantines(comm_, run_.path() / name, {&rejected_, &rejected_items_});
        if (comm_.is_root()) stage.add(name, base::sha256_file(run_.path() / name));

        auto counts = rejected_.counts(), item_counts = rejected_items_.counts();
        parallel::all_reduce(comm_, std::span<std::int64_t>(counts), parallel::ReduceOperation::sum);
        parallel::all_reduce(comm_, std::span<std::int64_t>(item_counts), parallel::ReduceOperation::sum);
        report_.read = parallel::all_sum(comm_, report_.read);
        report_.rejected = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
        check_fraction("records", report_.rejected, report_.read, counts, name);
        if (report_.items) check_fraction("items", report_.items->rejected, report_.items->read, item_counts, name);
        for (std::size_t r = 0; r < counts.size(); ++r) report_.rejected_by_reason[r] = counts[r] + item_counts[r];
    }

    void check_fraction(std::string_view what, std::int64_t rejected, std::int64_t read, const ReasonCounts& counts,
                        const std::string& quarantine) const {
        if (static_cast<double>(rejected) <= options_.max_bad_fraction * static_cast<double>(read) && rejected < read) return;
        std::string hint;
        if (counts[static_cast<std::size_t>(Reason::invalid_utf8)] > 0) hint = ", or name the encoding with --encoding";
        base::fail(ErrorKind::input,
                   "{} of {} {} are rejected ({}), more than --max-bad-fraction {}: see {}; mend the input, raise the fraction{}",
                   human_count(rejected), human_count(read), what, describe(counts), options_.max_bad_fraction,
                   (run_.path() / quarantine).string(), hint);
    }

    // Every user's records on the rank that owns the user's partition, sorted, without duplicates.
    void group_users() {
        records_ = shuffle_.sorted();
        report_.duplicates = parallel::all_sum(comm_, remove_duplicates(records_));
        report_.kept = report_.read - report_.rejected - report_.duplicates;
        report_.users = parallel::all_sum(comm_, count_keys(records_));
        partitions_ = options_.partitions > 0 ? options_.partitions : partition_count(report_.users);
        // A partition whose hashes begin on a lower rank's range belongs to that rank.
        shuffle_.move_down(records_, [&](std::uint64_t hash) { return owner_of_partition(partition_of_hash(hash, partitions_)); });
    }

    int owner_of_partition(std::int32_t partition) const {
        return owner_of_hash(first_hash_of(partition, partitions_), comm_.size());
    }

    void write_partitions(store::Stage& stage) {
        std::unordered_map<std::string, std::string> item_texts;
        if (catalogue_) item_texts = catalogue_->look_up(items_without_text(records_));
        std::size_t longest = 1;
        for (const auto& record : records_) longest = std::max(longest, record.key.size());
        const auto id_width = parallel::all_max(comm_, static_cast<std::int64_t>(longest));
        const DocumentBuilder builder(records_, behaviors_, std::move(item_texts));

        const auto count = static_cast<std::size_t>(partitions_);
        CorpusInfo info{partitions_, id_width, behaviors_, std::vector<std::int64_t>(count), std::vector<std::int64_t>(count),
                        std::vector<std::int64_t>(count)};
        std::vector<std::int32_t> mine;
        for (std::int32_t p = 0; p < partitions_; ++p)
            if (owner_of_partition(p) == comm_.rank()) mine.push_back(p);
        base::Progress progress("writing", partitions_, "partitions", comm_.is_root());
        const auto rounds = parallel::all_max(
            comm_, static_cast<std::int64_t>((mine.size() + partitions_between_stops - 1) / partitions_between_stops));
        std::size_t next = 0;
        for (std::int64_t round = 0; round < rounds; ++round) {
            const auto last = std::min(next + partitions_between_stops, mine.size());
            for (; next < last; ++next) write_partition_once(stage, builder, mine[next], info);
            progress.set(parallel::all_sum(comm_, static_cast<std::int64_t>(next)));
            fail_if_stopped(comm_);
        }
        for (auto* table : {&info.users, &info.events, &info.text_bytes})
            parallel::all_reduce(comm_, std::span(*table), parallel::ReduceOperation::sum);
        report_.events = std::accumulate(info.events.begin(), info.events.end(), std::int64_t{0});
        if (comm_.is_root() && !stage.reusable(corpus_index_path()))
            stage.add(corpus_index_path(), write_corpus_index(run_.path(), stage_key(), info));
    }

    void write_partition_once(store::Stage& stage, const DocumentBuilder& builder, std::int32_t index, CorpusInfo& info) {
        const auto start = std::chrono::steady_clock::now();
        const auto partition = builder.build(index, partitions_);
        const auto p = static_cast<std::size_t>(index);
        info.users[p] = static_cast<std::int64_t>(partition.users.size());
        for (const auto& user : partition.users) {
            info.events[p] += static_cast<std::int64_t>(user.events.size());
            for (const auto& event : user.events) {
                info.text_bytes[p] += static_cast<std::int64_t>(event.text.size());
                report_.events_without_item_text += catalogue_ && event.text.empty() && !event.item.empty();
            }
        }
        if (stage.reusable(partition_path(index))) return;
        stage.add(partition_path(index), write_partition(run_.path(), stage_key(), partition, partitions_, info.id_width));
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
        if (options_.partition_written) options_.partition_written(index, taken.count());
    }

    const std::string& stage_key() {
        if (stage_key_.empty()) stage_key_ = report_.key.hash();
        return stage_key_;
    }

    void describe_inputs() {
        report_.bytes_total = inputs_.events->bytes_total() + (inputs_.catalogue ? inputs_.catalogue->bytes_total() : 0);
        for (std::size_t f = 0; f < inputs_.mappings.size(); ++f) {
            const auto& mapping = inputs_.mappings[f];
            report_.columns.push_back(mapping.description());
            if (!comm_.is_root()) continue;
            base::log_info("{}: {}, columns {}", inputs_.events->files()[f].name,
                           mapping.form == InputForm::event_log ? "an event log" : "one row a user", mapping.description());
            if (const auto unused = mapping.unused(); !unused.empty())
                base::log_info("{}: not used: {}", inputs_.events->files()[f].name, fmt::join(unused, ", "));
        }
    }

    void finish_report(const store::Stage& stage) {
        const auto read_here = inputs_.events->bytes_read() + (inputs_.catalogue ? inputs_.catalogue->bytes_read() : 0);
        report_.bytes_read = parallel::all_gather(comm_, std::span<const std::int64_t>(&read_here, 1));
        report_.events_without_item_text = parallel::all_sum(comm_, report_.events_without_item_text);
        report_.partitions_reused = parallel::all_sum(comm_, stage.reused());
        report_.summary = fmt::format("{} records read = {} kept + {} duplicates + {} rejected{}; {} users with {} events in {} partitions",
                                      human_count(report_.read), human_count(report_.kept), human_count(report_.duplicates),
                                      human_count(report_.rejected),
                                      report_.rejected > 0 ? " (" + describe(rejected_counts()) + ")" : "",
                                      human_count(report_.users), human_count(report_.events), human_count(partitions_));
    }

    const ReasonCounts& rejected_counts() const { return report_.rejected_by_reason; }

    IngestReport reused_report() {
        const auto info = read_corpus_info(run_.path());
        report_.reused = true;
        report_.users = std::accumulate(info.users.begin(), info.users.end(), std::int64_t{0});
        report_.events = std::accumulate(info.events.begin(), info.events.end(), std::int64_t{0});
        report_.summary = fmt::format("{} users with {} events in {} partitions, complete already", human_count(report_.users),
                                      human_count(report_.events), human_count(info.partitions));
        return std::move(report_);
    }

    parallel::Communicator& comm_;
    store::RunFolder& run_;
    const IngestOptions& options_;
    IngestInputs inputs_;
    IngestReport report_;
    std::string stage_key_;
    KeyedShuffle shuffle_;
    Quarantine rejected_, rejected_items_;
    std::optional<ItemCatalogue> catalogue_;
    std::vector<std::string> behaviors_;
    std::vector<KeyedRecord> records_;
    std::int32_t partitions_ = 0;
};

}  // namespace

IngestReport ingest(parallel::Communicator& comm, store::RunFolder& run, const IngestOptions& options) {
    return Ingest(comm, run, options).run();
}

}  // namespace kohort::corpus

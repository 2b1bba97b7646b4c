// The ingest stage: raw files to cleaned, deduplicated user documents in partitions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "corpus/column_mapping.h"
#include "corpus/encoding.h"
#include "corpus/input_set.h"
#include "corpus/items.h"
#include "corpus/quarantine.h"
#include "parallel/communicator.h"
#include "store/run_folder.h"

namespace kohort::corpus {

struct IngestOptions {
    std::vector<std::filesystem::path> inputs;
    Encoding encoding = Encoding::automatic;
    ColumnOptions columns;
    bool pseudonyms = false;            // ids are replaced by a keyed hash; nothing raw is written
    std::filesystem::path key_file;     // 16 to 64 bytes, white space at its end not counted
    std::filesystem::path items;        // item catalogue; empty: none
    std::string item_text;              // its text column; empty: recognised
    std::int32_t partitions = 0;        // 0: partition_count(users)
    double max_bad_fraction = 0.01;     // of the records read
    InputLimits limits;
    std::int64_t round_bytes = std::int64_t{64} << 20;  // a rank sends in one round of the shuffle

    // Called on a rank for each partition that it writes, with the seconds that took.
    std::function<void(std::int32_t partition, double seconds)> partition_written;
};

// Counts of all ranks. read = kept + duplicates + rejected, in records of the input.
struct IngestReport {
    bool reused = false;  // the stage was complete already: only `key`, `corpus` and `summary` are set
    std::int64_t read = 0, kept = 0, duplicates = 0, rejected = 0;
    ReasonCounts rejected_by_reason{};  // of inputs and catalogue
    std::int64_t users = 0, events = 0;
    std::int64_t partitions_reused = 0;
    std::optional<CatalogueReport> items;
    std::int64_t events_without_item_text = 0;  // no text of their own, and their item is not in the catalogue
    std::vector<std::string> encodings;         // one an input
    std::vector<std::string> columns;           // one an input: what was recognised or given
    std::vector<std::int64_t> bytes_read;       // [ranks]
    std::int64_t bytes_total = 0;               // of the inputs and the catalogue
    store::StageKey key{"corpus"};
    std::string summary;                        // one line for people
};

// Collective. Writes RUN/corpus/ and finishes the stage "corpus", or finds it complete. On resume, partitions that
// were written are kept.
//
// The records of a user are equal in every mapped column when their cleaned values are; the first one in the input
// counts, the others are duplicates. Events are ordered by (time, input, byte offset, place in the record). An event
// without a text of its own gets its item's text from the catalogue; one with a text keeps it.
//
// Error(input): a missing or empty input, or more rejected records than max_bad_fraction (quarantine.jsonl is written
// nevertheless). Error(usage): columns, key file. Error(stopped) when asked to stop between rounds.
IngestReport ingest(parallel::Communicator& comm, store::RunFolder& run, const IngestOptions& options);

}  // namespace kohort::corpus

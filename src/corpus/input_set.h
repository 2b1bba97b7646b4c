// The input files of a job as every rank sees them: what their first lines say, which part of them this rank reads,
// and its records one after another.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/encoding.h"
#include "corpus/fingerprint.h"
#include "corpus/record_cursor.h"
#include "corpus/splitter.h"
#include "parallel/communicator.h"

namespace kohort::corpus {

// What the beginning of a file says.
struct InputHead {
    std::filesystem::path path;
    std::string name;            // the file's name, or its path as given where two inputs have one name
    std::int64_t size = 0;       // bytes in the file system
    RecordGrammar grammar;
    std::int64_t data_start = 0;  // after the byte order mark and, in CSV, the header
    Encoding marked = Encoding::automatic;  // by its byte order mark
    std::vector<std::string> header;                // column names, or the member names of the first JSON lines
    std::vector<std::vector<std::string>> samples;  // values of its first records, cut to the header's columns
};

struct InputLimits {
    std::int64_t memory = std::int64_t{1} << 30;         // bytes of input a rank keeps so as to read them once; a larger
                                                         // share is read up to four times
    std::int64_t granularity = Fingerprint::block;       // of the ranks' byte ranges; a multiple of Fingerprint::block
    CsvDialect csv;                                      // its delimiter is told from the header
};

class InputSet {
  public:
    // Collective. Rank 0 looks at the files: Error(input) for one that is missing, a folder, empty, or holds no
    // record, each with the file's path. `wanted` overrules what a file's content says of its encoding.
    InputSet(parallel::Communicator& comm, const std::vector<std::filesystem::path>& paths, Encoding wanted,
             const InputLimits& limits);

    const std::vector<InputHead>& files() const { return files_; }

    // Collective. One fingerprint a file, the same on all ranks.
    std::vector<Fingerprint> fingerprints(parallel::Communicator& comm);

    // Collective. Finds this rank's records and every file's encoding; before next().
    void find_records(parallel::Communicator& comm);
    Encoding encoding(std::int32_t file) const { return encodings_[static_cast<std::size_t>(file)]; }

    // This rank's records in order of (file, offset), with their fields; all ranks together have each record once,
    // and a lower rank's records come before a higher rank's.
    bool next();
    std::int32_t file() const { return stretches_[current_].stretch.file; }
    const Record& record() const { return cursor_->record(); }

    std::int64_t bytes_read() const;      // by this rank so far
    std::int64_t bytes_consumed() const;  // of this rank's part, by next()
    std::int64_t bytes_total() const;     // of all files, as they lie in the file system

  private:
    void count_encodings(parallel::Communicator& comm);

    Encoding wanted_;
    std::vector<InputHead> files_;
    std::vector<Encoding> encodings_;
    std::vector<OpenStretch> stretches_;
    std::size_t current_ = 0;
    std::unique_ptr<RecordCursor> cursor_;
    std::int64_t bytes_read_before_ = 0, bytes_consumed_before_ = 0;
};

}  // namespace kohort::corpus

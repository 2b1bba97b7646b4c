// A table whose rows are texts (items, headlines, ads), in the order of the input: cut into partitions of consecutive
// rows, each of which any rank can read by itself, so that no more than a few partitions are ever in memory. A row may
// hold a text, or the token ids that others have made of one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "corpus/input_set.h"
#include "parallel/communicator.h"

namespace kohort::corpus {

class TextTable {
  public:
    // Collective. One pass over the inputs (CSV, or JSON lines), each rank over its part, to find the rows; blank lines
    // are none. column: its name; empty: the only one of the table, or the member "ids" of JSON lines, which
    // holds token ids. Error(usage) that lists the columns where it is not there. Errors of InputSet.
    TextTable(parallel::Communicator& comm, const std::vector<std::filesystem::path>& inputs, Encoding encoding,
              const std::string& column);

    std::int64_t rows() const { return rows_; }
    std::int32_t partitions() const { return static_cast<std::int32_t>(starts_.size()); }
    std::int64_t first_row(std::int32_t partition) const { return partition * partition_rows_; }
    std::int64_t partition_rows(std::int32_t partition) const;
    bool holds_ids() const { return holds_ids_; }
    // What the rows are, for a stage's key: fingerprints of the inputs, encodings and the column.
    const std::string& identity() const { return identity_; }

    struct Texts {
        std::vector<std::string> texts;               // UTF-8; [rows] unless the table holds ids
        std::vector<std::vector<std::int32_t>> ids;   // [rows] where it does
        std::int64_t rejected = 0;                    // rows that are no record, not in the encoding, or whose ids are none: empty
        std::int64_t first_rejected = -1;             // the global row of the first of them
        Reason reason = Reason::none;                 // and why
    };
    // A partition's rows. Thread-safe.
    Texts read(std::int32_t partition) const;

  private:
    struct Start {
        std::int32_t file;
        std::int64_t offset, skip;  // a record's start, and how many records to pass over from there
    };

    void find_column(const std::string& column);
    void find_starts(parallel::Communicator& comm, InputSet& inputs);

    std::vector<InputHead> files_;
    std::vector<Encoding> encodings_;
    std::vector<std::int32_t> columns_;  // of each file
    std::string identity_;
    std::vector<Start> starts_;  // [partitions]
    std::int64_t rows_ = 0, partition_rows_ = 1;
    bool holds_ids_ = false;
};

}  // namespace kohort::corpus

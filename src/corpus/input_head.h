// The beginning of an input file: its kind, byte order mark, delimiter, columns and first records.
#pragma once

#include <string>

#include "corpus/input_set.h"

namespace kohort::corpus {

// The bytes that read_head needs: the mark, the header and some records. Error(input) when the file is missing, a
// folder, empty, unreadable, or holds no record after its header.
std::string read_head_bytes(const std::filesystem::path& path, const CsvDialect& csv, std::int64_t* bytes_read);

// What they say. The same on every rank that is given the same bytes. Error(input) when the header is no record.
InputHead interpret_head(const std::filesystem::path& path, std::int64_t size, const std::string& bytes, Encoding wanted,
                         const CsvDialect& csv);

}  // namespace kohort::corpus

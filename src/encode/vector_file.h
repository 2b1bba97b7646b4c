// A partition's vectors in a file: the ones that a run ends with, and those that are kept while a transform is fitted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "encode/encode.h"

namespace kohort::encode {

// A partition's vectors, and what they were made from.
struct EncodedPartition {
    std::vector<float> vectors;  // [rows, dimension]
    std::int64_t rows = 0, rows_without_text = 0, texts = 0, tokens = 0;
    std::int64_t long_texts = 0, events_without_time = 0;  // for people; in no file
    std::int64_t rejected = 0, first_rejected = -1;        // rows that were no records, and the first of them in the table
    std::string rejected_because = {};                     // the reason for that one
};

// Writes /obsm/embedding [rows, columns] in options.storage, and attributes that say how it was made. Returns the file's
// SHA-256. Error(usage) where a number is too large for float16.
std::string write_vectors(const std::filesystem::path& path, std::string_view stage, std::string_view key,
                          const EncodedPartition& made, std::int64_t columns, const EncodeOptions& options);

// Adds to a report what a file of write_vectors() counts.
void count_file(const std::filesystem::path& path, EncodeReport& report);

// Vectors on their way through a transform: RUN/checkpoint/encode/part-NNNNN.h5, float32 as the model gives them. They are
// no result; a run that goes on takes them from there, and the one that is done removes them. Thread-safe.
class RawVectors {
  public:
    RawVectors(const std::filesystem::path& run, std::string key)
        : folder_(run / "checkpoint" / "encode"), key_(std::move(key)) {}

    void make_folder() const;  // on one rank; removes what a crash left half-written
    void write(std::int32_t partition, const EncodedPartition& made, std::int64_t dimension,
               const EncodeOptions& options) const;
    // Nothing where the file is missing, damaged, or was made from another key.
    std::optional<EncodedPartition> read(std::int32_t partition) const;
    void remove() const;  // on one rank

  private:
    std::filesystem::path path_of(std::int32_t partition) const;

    std::filesystem::path folder_;
    std::string key_;
};

}  // namespace kohort::encode

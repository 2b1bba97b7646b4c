// A user's cleaned history as later stages read it, and the partition files that hold it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <string>
#include <vector>

namespace kohort::corpus {

struct Event {
    std::int64_t time = 0;       // seconds since the epoch as the input has it; 0 where the input has none
    std::int32_t behavior = 0;   // index into Partition::behaviors
    std::string item;            // item id, may be empty
    std::string text;            // cleaned UTF-8, may be empty
};

struct UserDocument {
    std::string id;              // as given, or its pseudonym
    std::vector<Event> events;   // by (time, input file, byte offset)
};

struct Partition {
    std::int32_t index = 0;
    std::vector<std::string> behaviors;  // names, equal in all partitions, sorted by bytes
    std::vector<UserDocument> users;     // by (hash64(id), id)
};

// The partition of a user: it depends on the id and the partition count only.
std::int32_t partition_of(std::string_view id, std::int32_t partitions);

// max(64, rows / 1024), at most 65,536.
std::int32_t partition_count(std::int64_t rows);

// What a complete corpus says of itself; read from any partition file's attributes.
struct CorpusInfo {
    std::int32_t partitions = 0;
    std::int64_t id_width = 0;               // bytes of /obs/_index, one width for the corpus
    std::vector<std::string> behaviors;
    std::vector<std::int64_t> users;         // [partitions] users in each partition
    std::vector<std::int64_t> events;        // [partitions]
    std::vector<std::int64_t> text_bytes;    // [partitions] a measure of a partition's cost
};

CorpusInfo read_corpus_info(const std::filesystem::path& run);                        // from RUN/corpus/
Partition read_partition(const std::filesystem::path& run, std::int32_t partition);   // RUN/corpus/part-NNNNN.h5

}  // namespace kohort::corpus

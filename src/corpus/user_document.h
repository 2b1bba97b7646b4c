// A user's cleaned history as later stages read it, and the partition files that hold it.
//
// RUN/corpus/part-NNNNN.h5:
//   /obs/_index               fixed-width UTF-8 [n], one width for the corpus
//   /obs/events               int32 [n]     events of the user
//   /document/event_offset    int64 [n+1]   the user's events in the arrays below
//   /document/time            int64 [e]     /document/behavior  int32 [e]
//   /document/text_offset     int64 [e+1]   /document/text_bytes  uint8
//   /document/item_offset     int64 [e+1]   /document/item_bytes  uint8
// RUN/corpus/index.h5 says of the whole corpus what CorpusInfo holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kohort::corpus {

struct Event {
    std::int64_t time = 0;       // seconds since the epoch as the input has it; 0 where the input has none
    std::int32_t behavior = 0;   // index into Partition::behaviors
    std::string item;            // item id, may be empty
    std::string text;            // cleaned UTF-8, may be empty

    friend bool operator==(const Event&, const Event&) = default;
};

struct UserDocument {
    std::string id;              // as given, or its pseudonym
    std::vector<Event> events;   // by (time, input file, byte offset)

    friend bool operator==(const UserDocument&, const UserDocument&) = default;
};

struct Partition {
    std::int32_t index = 0;
    std::vector<std::string> behaviors;  // names, equal in all partitions, sorted by bytes
    std::vector<UserDocument> users;     // by (hash64(id), id)

    friend bool operator==(const Partition&, const Partition&) = default;
};

// The partition of a user: it depends on the id and the partition count only. Partitions are consecutive ranges of
// hash64(id): partition p begins at first_hash_of(p, partitions).
std::int32_t partition_of(std::string_view id, std::int32_t partitions);
std::int32_t partition_of_hash(std::uint64_t hash, std::int32_t partitions);
std::uint64_t first_hash_of(std::int32_t partition, std::int32_t partitions);

// max(64, rows / 1024 rounded up), at most 65,536.
std::int32_t partition_count(std::int64_t rows);

// What a complete corpus says of itself; read from RUN/corpus/index.h5 alone.
struct CorpusInfo {
    std::int32_t partitions = 0;
    std::int64_t id_width = 0;               // bytes of /obs/_index, one width for the corpus
    std::vector<std::string> behaviors;
    std::vector<std::int64_t> users;         // [partitions] users in each partition
    std::vector<std::int64_t> events;        // [partitions]
    std::vector<std::int64_t> text_bytes;    // [partitions] a measure of a partition's cost

    friend bool operator==(const CorpusInfo&, const CorpusInfo&) = default;
};

CorpusInfo read_corpus_info(const std::filesystem::path& run);                        // from RUN/corpus/
Partition read_partition(const std::filesystem::path& run, std::int32_t partition);   // RUN/corpus/part-NNNNN.h5

// "corpus/part-00042.h5" and "corpus/index.h5", relative to the run.
std::string partition_path(std::int32_t partition);
std::string corpus_index_path();

// Write the files above under `run`; both return the file's SHA-256. `key` is the stage's key.
// partitions and id_width are the corpus's; id_width >= the longest id.
std::string write_partition(const std::filesystem::path& run, std::string_view key, const Partition& partition,
                            std::int32_t partitions, std::int64_t id_width);
std::string write_corpus_index(const std::filesystem::path& run, std::string_view key, const CorpusInfo& info);

}  // namespace kohort::corpus

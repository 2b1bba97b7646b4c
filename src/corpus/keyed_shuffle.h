// Brings all records of one key (a user, an item) to one rank: an all-to-all in rounds of bounded size.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::corpus {

// A record that has arrived; the views point into the shuffle's memory.
struct KeyedRecord {
    std::uint64_t hash = 0;  // hash64(key)
    std::int32_t file = 0;   // where the record stands in the input
    std::int32_t twin = 0;   // tells different keys of one hash apart, once sorted
    std::int64_t offset = 0;
    std::string_view key, value;
    std::uint64_t value_hash = 0;  // hash64(value)
};

// Of records that were sorted together. The keys themselves need not be looked at.
inline bool same_key(const KeyedRecord& a, const KeyedRecord& b) { return a.hash == b.hash && a.twin == b.twin; }

// Sorts by (hash, key, file, offset): a total order, so that ranks and rounds leave no trace. Sets `twin`.
void sort_records(std::vector<KeyedRecord>& records);

// Rank r owns the r-th of `ranks` equal ranges of the hash.
int owner_of_hash(std::uint64_t hash, int ranks);

class KeyedShuffle {
  public:
    // Once this rank has collected `round_bytes`, round_is_full() asks for an exchange.
    KeyedShuffle(parallel::Communicator& comm, std::int64_t round_bytes);

    void add(std::int32_t file, std::int64_t offset, std::string_view key, std::string_view value);
    bool round_is_full() const { return collected_ >= round_bytes_; }

    // Collective: sends what was collected to the owners.
    void exchange();

    // After the last exchange: what this rank owns, sorted. The views live as long as the shuffle.
    std::vector<KeyedRecord> sorted();

    // Collective. Gives each of the sorted `records` to rank owner(hash), which is this rank or a lower one, the
    // same for equal hashes, and no higher for a lower hash. `records` becomes what this rank holds then, sorted.
    void move_down(std::vector<KeyedRecord>& records, const std::function<int(std::uint64_t hash)>& owner);

  private:
    void pack(int to, const KeyedRecord& record);
    std::vector<KeyedRecord> unpack_sorted(std::size_t first_block) const;

    parallel::Communicator& comm_;
    std::int64_t round_bytes_, collected_ = 0;
    std::vector<std::vector<char>> outgoing_;  // [ranks]
    std::vector<std::vector<char>> blocks_;    // arrived
};

}  // namespace kohort::corpus

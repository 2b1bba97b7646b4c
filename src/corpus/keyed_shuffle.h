// Brings all records of one key (a user, an item) to one rank: an all-to-all in rounds of bounded size.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::corpus {

// A record that has arrived; the views point into the shuffle's memory.
struct KeyedRecord {
    std::uint64_t hash = 0;  // hash64(key)
    std::int32_t file = 0;   // where the record stands in the input
    std::int64_t offset = 0;
    std::string_view key, value;
};

// By (hash, key, file, offset): a total order, so that ranks and rounds leave no trace.
bool operator<(const KeyedRecord& a, const KeyedRecord& b);

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

    // Collective. Gives records[i] to rank owner(records[i]) >= or <= this one, and returns what this rank holds
    // then, sorted again.
    template <class Owner>
    std::vector<KeyedRecord> move_to(const std::vector<KeyedRecord>& records, const Owner& owner) {
        const auto kept_blocks = blocks_.size();
        std::vector<KeyedRecord> kept;
        for (const auto& record : records) {
            const int to = owner(record);
            if (to == comm_.rank()) kept.push_back(record);
            else pack(to, record);
        }
        exchange();
        merge_arrivals(kept_blocks, kept);
        return kept;
    }

  private:
    void pack(int to, const KeyedRecord& record);
    void unpack(const std::vector<char>& block, std::vector<KeyedRecord>& records) const;
    void merge_arrivals(std::size_t first_block, std::vector<KeyedRecord>& records) const;

    parallel::Communicator& comm_;
    std::int64_t round_bytes_, collected_ = 0;
    std::vector<std::vector<char>> outgoing_;  // [ranks]
    std::vector<std::vector<char>> blocks_;    // arrived
};

}  // namespace kohort::corpus

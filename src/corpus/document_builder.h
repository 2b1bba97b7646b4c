// Puts a rank's sorted, deduplicated records together to user documents, a partition at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "corpus/keyed_shuffle.h"
#include "corpus/user_document.h"
#include "parallel/communicator.h"

namespace kohort::corpus {

// More distinct behaviors than this are no behaviors.
inline constexpr std::size_t most_behaviors = 1000;

// Collective. The names of all behaviors in all ranks' records, sorted by bytes. Error(usage) beyond most_behaviors.
std::vector<std::string> collect_behaviors(parallel::Communicator& comm, const std::vector<KeyedRecord>& records);

// The items of this rank's events that have no text of their own, sorted, without repeats.
std::vector<std::string_view> items_without_text(const std::vector<KeyedRecord>& records);

class DocumentBuilder {
  public:
    // `records` is sorted by (hash, key, file, offset); an event without text gets that of its item in `item_texts`.
    DocumentBuilder(const std::vector<KeyedRecord>& records, std::vector<std::string> behaviors,
                    std::unordered_map<std::string, std::string> item_texts);

    // The users of a partition, of `partitions`, with their events by (time, file, offset, place in the record).
    Partition build(std::int32_t index, std::int32_t partitions) const;

  private:
    void append_events(const KeyedRecord& record, std::vector<Event>& events) const;

    const std::vector<KeyedRecord>& records_;
    std::vector<std::string> behaviors_;
    std::unordered_map<std::string, std::string> item_texts_;
};

}  // namespace kohort::corpus

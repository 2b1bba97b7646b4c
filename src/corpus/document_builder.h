// Puts a rank's sorted, deduplicated records together to user documents, a partition at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "corpus/event_codec.h"
#include "corpus/keyed_shuffle.h"
#include "corpus/user_document.h"

namespace kohort::corpus {

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
    Event document_event(const EventView& view) const;

    const std::vector<KeyedRecord>& records_;
    std::vector<std::string> behaviors_;
    std::unordered_map<std::string, std::string> item_texts_;
};

}  // namespace kohort::corpus

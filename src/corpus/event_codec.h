// A record's events as bytes: how they travel between ranks, and how records are compared with each other.
// Two records have equal bytes exactly when they are equal in every mapped column, cleaned.
#pragma once

#include <string>
#include <string_view>

#include "corpus/timestamp.h"

namespace kohort::corpus {

struct EventView {
    Timestamp time;
    std::string_view behavior, item, text;
};

void append_event(std::string& bytes, const EventView& event);

// Reads events one after another; the views point into `bytes`.
class EventReader {
  public:
    explicit EventReader(std::string_view bytes) : bytes_(bytes) {}
    bool next(EventView& event);

  private:
    std::string_view bytes_;
};

}  // namespace kohort::corpus

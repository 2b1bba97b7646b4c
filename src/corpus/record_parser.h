// One record of the input to one user's events: fields taken apart, checked and cleaned.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "corpus/column_mapping.h"
#include "corpus/encoding.h"
#include "corpus/record_cursor.h"
#include "corpus/rejection.h"

namespace kohort::corpus {

// The behavior of events whose input names none.
inline constexpr std::string_view unnamed_behavior = "event";

// Ids are stored at one width for the corpus, so one long id would cost every user its bytes.
inline constexpr std::size_t most_id_bytes = 256;

// More distinct behaviors than this are no behaviors.
inline constexpr std::size_t most_behaviors = 1000;

struct ParsedRecord {
    std::string id;      // as given, or its pseudonym
    std::string events;  // see event_codec.h; none where a user's row lists nothing
};

// Checks, in this order: a NUL byte, the encoding, the number of fields, the user's id, the time. User and item ids
// are taken as given; behavior and text are cleaned (cleaner.h). One object serves one thread.
class RecordParser {
  public:
    // pseudonym_key: empty keeps ids as given.
    RecordParser(ColumnMapping mapping, RecordFormat format, Encoding encoding, std::string pseudonym_key);
    ~RecordParser();
    RecordParser(RecordParser&&) noexcept;

    // `record` is one of RecordCursor's, with fields. `parsed` is complete only where the result is Reason::none.
    Reason parse(const Record& record, ParsedRecord& parsed);

    // The names of the behaviors of all good records so far; no more than most_behaviors + 1 of them.
    const std::set<std::string, std::less<>>& behaviors() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// The same for a record of an item catalogue: its id as given and its text, cleaned.
class CatalogueParser {
  public:
    CatalogueParser(CatalogueMapping mapping, RecordFormat format, Encoding encoding);
    ~CatalogueParser();
    CatalogueParser(CatalogueParser&&) noexcept;

    Reason parse(const Record& record, std::string& id, std::string& text);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace kohort::corpus

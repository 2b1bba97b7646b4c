// The values of one record by column, whatever the input's format and encoding.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/encoding.h"
#include "corpus/record_cursor.h"
#include "corpus/rejection.h"

namespace kohort::corpus {

// One object serves one thread. A view that value() gives is valid until the next open(), or until the same
// `buffer` is used again.
class RecordValues {
  public:
    RecordValues(RecordFormat format, Encoding encoding, std::vector<std::string> header);
    ~RecordValues();
    RecordValues(RecordValues&&) noexcept;

    // Takes a record in hand: its own reason, or that of the first check that fails (record_parser.h).
    Reason open(const Record& record);

    // The UTF-8 value of a column (-1: always empty). In JSON a missing member and null are empty, and an array is
    // its entries joined by spaces.
    Reason value(std::int32_t column, std::string& buffer, std::string_view& value);

    // Whether this record has the column: a JSON line may lack it.
    bool has(std::int32_t column) const;

    // A column's entries: the parts between separators, or the elements of a JSON array.
    Reason entries(std::int32_t column, std::string_view separator, const std::function<void(std::string_view)>& take);

    // Appends a JSON array's whole numbers from 0 to 2^31 - 1; bad_token_ids where the member is anything else.
    Reason token_ids(std::int32_t column, std::vector<std::int32_t>& ids);

  private:
    struct Json;
    RecordFormat format_;
    Encoding encoding_;
    std::vector<std::string> header_;
    const Record* record_ = nullptr;
    Gb18030Decoder decoder_;
    std::unique_ptr<Json> json_;
    std::string unquoted_, cell_;
};

// The names of a JSON line's members in order; nothing where it is no JSON object.
std::vector<std::string> json_member_names(std::string_view line);

}  // namespace kohort::corpus

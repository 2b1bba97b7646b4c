// A small CSV file beside the corpus that says one thing of each user or item: labels of users, categories of items.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kohort::corpus {

struct KeyedValue {
    std::string key, value;  // as they stand there, without white space around the value
    std::int64_t record;     // the first after the header is 1
};

struct KeyTableColumns {
    std::string option;         // for messages: "--labels"
    std::string key, value;     // names of columns; where the header lacks `key`, its first column is taken
    bool other_value = false;   // where the header lacks `value`, its second column is taken
};

// The records in their order; those of a blank key or value are left out. Error(usage) where the file cannot be read or lacks
// the columns; Error(input) for one that is empty, holds no UTF-8 or no CSV, or a record of another number of fields.
std::vector<KeyedValue> read_key_table(const std::filesystem::path& path, const KeyTableColumns& columns);

}  // namespace kohort::corpus

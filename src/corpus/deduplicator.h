// Exact duplicates: records of one user that are equal in every mapped column, cleaned. The first in the input stays.
#pragma once

#include <cstdint>
#include <vector>

#include "corpus/keyed_shuffle.h"

namespace kohort::corpus {

// `records` is sorted, so the records of a key stand together by (file, offset). Removes those whose value an earlier
// record of the same key has, keeps the order of the others, and returns how many went.
std::int64_t remove_duplicates(std::vector<KeyedRecord>& records);

// How many distinct keys the sorted records have.
std::int64_t count_keys(const std::vector<KeyedRecord>& records);

}  // namespace kohort::corpus

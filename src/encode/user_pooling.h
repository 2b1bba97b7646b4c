// From a user's texts to the user's vector: the mean of the unit vectors of the texts, each different text counted
// once, so that one item looked at a hundred times does not drown all others.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "corpus/user_document.h"

namespace kohort::encode {

// The texts of a partition and who has them. `texts` points into the partition.
struct PartitionTexts {
    std::vector<std::string_view> texts;   // different ones, none empty, by first occurrence
    std::vector<std::int64_t> user_offset;  // [users + 1] into `members`
    std::vector<std::int64_t> members;      // each user's texts, without repetition, by the user's first event with it
};

PartitionTexts collect_texts(const corpus::Partition& partition);

struct UserVectors {
    std::vector<float> values;             // [users, dimension]
    std::int64_t users_without_text = 0;   // their rows are 0
};

// text_vectors: [texts, dimension]; has_tokens: [texts], a text without tokens does not count. Sums are taken in
// double in the order of `members`. With `normalize` the means are scaled to length 1.
UserVectors pool_users(const PartitionTexts& texts, std::span<const float> text_vectors,
                       std::span<const std::uint8_t> has_tokens, std::int64_t dimension, bool normalize);

}  // namespace kohort::encode

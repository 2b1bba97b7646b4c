// From a user's texts to the user's vector: the weighted mean of the unit vectors of the texts, each different text
// counted once, so that one item looked at a hundred times does not drown all others. A text weighs as much as the
// heaviest of the user's events with it; unless asked for otherwise, all events weigh 1.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "corpus/user_document.h"
#include "encode/event_weights.h"

namespace kohort::encode {

// The texts of a partition and who has them. `texts` points into the partition.
struct PartitionTexts {
    std::vector<std::string_view> texts;   // different ones, none empty, by first occurrence
    std::vector<std::int64_t> user_offset;  // [users + 1] into `members`
    std::vector<std::int64_t> members;      // each user's texts, without repetition, by the user's first event with it
    std::vector<double> weights;            // of each member, > 0
    std::int64_t events_without_time = 0;   // of those with a text that counts
};

// Events that weigh 0 are left out, texts that only such events have too.
PartitionTexts collect_texts(const corpus::Partition& partition, const EventWeights& weights = {});

struct UserVectors {
    std::vector<float> values;             // [users, dimension]
    std::int64_t users_without_text = 0;   // their rows are 0
};

// text_vectors: [texts, dimension]; has_tokens: [texts], a text without tokens does not count. Sums are taken in
// double in the order of `members`. With `normalize` the means are scaled to length 1.
UserVectors pool_users(const PartitionTexts& texts, std::span<const float> text_vectors,
                       std::span<const std::uint8_t> has_tokens, std::int64_t dimension, bool normalize);

}  // namespace kohort::encode

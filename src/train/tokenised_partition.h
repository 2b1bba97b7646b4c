// One partition's texts as token ids, with all that training wants to know of its users: what a TokenStore is put together
// from. Partitions are tokenised side by side, and each gives the same whoever does it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "corpus/user_document.h"
#include "text/tokenizer.h"
#include "train/word_starts.h"

namespace kohort::train {

// What makes a user a sample.
enum class UserSample {
    any_text,
    two_texts,        // different ones
    query_and_item,   // a search, and an event with an item after it before the next search; with different texts
    text_and_category,  // an event whose item has a category
    labelled,
};

struct UserRule {
    UserSample sample = UserSample::two_texts;
    std::string query_behavior = "search";                                       // query_and_item
    std::function<std::string_view(std::string_view item)> category_of;          // text_and_category; empty: it has none
    std::function<std::vector<std::int32_t>(std::string_view user)> labels_of;   // labelled; empty: the user has none
};

struct TokenisedPartition {
    struct User {
        std::int64_t texts = 0;
        bool sample = false;  // by the rule
        std::vector<std::pair<std::int64_t, std::int64_t>> pairs;  // (text of the user, its other text or a category)
        std::vector<std::int32_t> labels;
    };
    std::vector<User> users;
    std::vector<std::int64_t> ids_per_text;
    std::vector<text::TokenId> ids;
    std::vector<bool> goes_on;             // [ids], or none: see WordStarts
    std::vector<std::string> categories;   // different ones, by first use
};

// Each user's different texts in the order of their first events, without special tokens; a text without tokens is left
// out, a long one is cut to `most_ids`. `words`: null where nobody asks where words begin.
TokenisedPartition tokenise(const corpus::Partition& partition, const text::Tokenizer& tokenizer, std::int64_t most_ids,
                            const UserRule& rule, const WordStarts* words);

}  // namespace kohort::train

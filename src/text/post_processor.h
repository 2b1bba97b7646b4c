// The special tokens around one text or two, and how texts are cut so that all of it fits the model.
#pragma once

#include <cstdint>
#include <vector>

#include "text/tokenizer.h"

namespace kohort::text {

struct PostProcessor {
    static constexpr TokenId first = -1, second = -2;  // the places of the texts among the special ids

    std::vector<TokenId> single{first};
    std::vector<TokenId> pair{first, second};
    // A text whose last token is this one, once it is cut, gets no second one (T5's </s> in SentencePiece's files). No token
    // of a text has the number `first`: none.
    TokenId last_once = first;

    // The number of special tokens that a text, or a pair, gets.
    std::int64_t added_to_single() const { return static_cast<std::int64_t>(single.size()) - 1; }
    std::int64_t added_to_pair() const { return static_cast<std::int64_t>(pair.size()) - 2; }

    // The text cut to what fits `most` ids in all. Error(usage) when not even the special tokens fit.
    std::vector<TokenId> process(std::vector<TokenId> text, std::int64_t most) const;
    // Two texts; the longer one is cut first (Hugging Face's longest_first).
    std::vector<TokenId> process(std::vector<TokenId> text, std::vector<TokenId> other, std::int64_t most) const;
};

}  // namespace kohort::text

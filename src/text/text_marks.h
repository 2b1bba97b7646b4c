// Tokens that language models need beside BERT's special ones: what closes a text, and what stands for hidden spans.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace kohort::text {

struct TextMarks {
    TokenId end_of_text = -1;        // [SEP] or </s>, else <|endoftext|>; -1: none
    std::vector<TokenId> sentinels;  // <extra_id_0>, <extra_id_1>, … up to the first that is missing
};

TextMarks find_text_marks(const Tokenizer& tokenizer);

// "<extra_id_7>", as T5 names the sentinel that stands for the eighth hidden span (Raffel et al. 2020, section 3.1.4).
std::string sentinel_name(std::int64_t number);

// The tokens with `count` sentinels behind them, the last of them first, as T5's vocabulary has them.
std::vector<std::string> with_sentinels(std::vector<std::string> tokens, std::int64_t count);

}  // namespace kohort::text

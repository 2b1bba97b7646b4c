// Texts of more tokens than the encoder takes at once.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace kohort::text {
class Tokenizer;
}

namespace kohort::encode {

// What becomes of such a text: it is cut to what fits, or split into windows that overlap. Each window is a sequence of
// its own with special tokens around it; the text's vector is the mean of its windows' pooled vectors, each weighted by
// its tokens, special ones included. With mean pooling that is the mean of all token vectors of all windows.
enum class LongTexts { cut, windows };
LongTexts parse_long_texts(std::string_view option);  // "cut", "windows"; Error(usage) otherwise
std::string_view name_of(LongTexts long_texts);

// Windows [first, last) of at most `room` tokens over `tokens` of them: each begins room - overlap behind the one before,
// and the last one ends with the text. 0 <= overlap < room. As Hugging Face's tokenizers with
// return_overflowing_tokens and stride = overlap.
std::vector<std::pair<std::int64_t, std::int64_t>> windows_of(std::int64_t tokens, std::int64_t room, std::int64_t overlap);

// The special tokens that a tokenizer puts before and behind every text.
struct SpecialTokensAround {
    std::vector<std::int32_t> before, behind;

    SpecialTokensAround() = default;
    explicit SpecialTokensAround(const text::Tokenizer& tokenizer);
    std::size_t size() const { return before.size() + behind.size(); }
};

// The sequences of a text: it whole where it has at most `most` ids, or else its windows.
// ids: of the whole text, with the special tokens around it.
std::vector<std::vector<std::int32_t>> split_into_windows(std::vector<std::int32_t> ids, const SpecialTokensAround& special,
                                                          std::int64_t most, std::int64_t overlap);

}  // namespace kohort::encode

// Tokens that are found in the text as they stand ("[MASK]"), before any model cuts it into pieces.
// Semantics of Hugging Face's AddedVocabulary: leftmost, longest; those that are not `normalized` are looked for in
// the raw text, the others in the normalised rest.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace kohort::text {

struct AddedToken {
    TokenId id = -1;
    std::string content;
    bool single_word = false;  // only where no word character touches it
    bool lstrip = false;       // takes the white space before it
    bool rstrip = false;       // takes the white space after it
    bool strips_as_python = false;  // that white space includes U+001C to U+001F, as in Python's str.strip
    bool normalized = false;
    bool special = true;
};

class AddedTokenFinder {
  public:
    explicit AddedTokenFinder(std::vector<AddedToken> tokens);

    bool empty() const { return tokens_.empty(); }

    // visit(std::string_view piece, TokenId id): the text's pieces in order, id -1 for what is no added token
    // (never empty). Stops where visit returns false.
    template <class Visit>
    void split(std::string_view text, Visit&& visit) const {
        std::size_t from = 0, search = 0;
        while (const auto match = find(text, search, from)) {
            search = match->search_next;
            if (match->begin > from && !visit(text.substr(from, match->begin - from), TokenId{-1})) return;
            if (!visit(text.substr(match->begin, match->end - match->begin), match->id)) return;
            from = match->end;
        }
        if (from < text.size()) visit(text.substr(from), TokenId{-1});
    }

  private:
    struct Match {
        std::size_t begin, end, search_next;
        TokenId id;
    };
    // The next match at or after `search`; white space that it takes does not reach back before `floor`. White space that a
    // token takes behind itself may begin the next one, as in the Rust library: Python has taken it away by then.
    std::optional<Match> find(std::string_view text, std::size_t search, std::size_t floor) const;

    std::vector<AddedToken> tokens_;                    // by first byte, longest first
    std::array<std::pair<std::int32_t, std::int32_t>, 256> by_first_byte_{};  // [first, last) in tokens_
    int only_first_byte_ = -1;                          // where all tokens share one
};

}  // namespace kohort::text

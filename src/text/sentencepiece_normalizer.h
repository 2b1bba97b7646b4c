// How SentencePiece normalises a text (normalizer.cc): the longest rule of its table at each place, white space made
// single, "▁" for blanks and before the text. User-defined pieces stay as they are.
#pragma once

#include <string>
#include <string_view>

#include "text/precompiled_charsmap.h"
#include "text/prefix_trie.h"
#include "text/sentencepiece_model.h"

namespace kohort::text {

class SentencePieceNormalizer {
  public:
    // Error(usage) where the table of rules is broken.
    explicit SentencePieceNormalizer(const SentencePieceModel& model);

    // utf8 must be valid. with_prefix: a dummy prefix is added where the model says so. Thread-safe.
    std::string normalize(std::string_view utf8, bool with_prefix = true) const;

  private:
    struct Step {
        std::size_t length;  // bytes of the text
        std::string_view replacement;
    };
    Step step(std::string_view text) const;

    PrecompiledCharsmap charsmap_;
    PrefixTrie user_defined_;
    bool add_dummy_prefix_, remove_extra_whitespaces_, whitespace_as_suffix_;
    std::string_view blank_;  // what stands for U+0020
};

}  // namespace kohort::text

// SentencePiece's precompiled normalisation rules: a table from sequences of characters to what stands for them, as a
// double array (Aoe 1989) in the layout of Darts-clone over UTF-8 bytes, with the replacements behind it.
// Format: sentencepiece, normalizer.cc: uint32 size of the array in bytes, the array of uint32 units, then texts that
// end in a zero byte; all little-endian. The value of a key is the place of its text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kohort::text {

class PrecompiledCharsmap {
  public:
    // Error(usage), without a file's name, where the table is not what the format says. An empty one has no rules.
    explicit PrecompiledCharsmap(std::string_view bytes);

    struct Match {
        std::size_t length;            // bytes of the key
        std::string_view replacement;  // valid as long as the table
    };
    // The longest and the shortest key that the text begins with.
    std::optional<Match> longest(std::string_view text) const;
    std::optional<Match> shortest(std::string_view text) const;

    // Hugging Face's Rust normaliser ("Precompiled"): a grapheme cluster of less than six bytes that begins with a key
    // becomes what stands for the shortest such key, the rest of the cluster with it; any other cluster is looked up
    // character by character.
    void normalize_graphemes(std::string& text) const;

  private:
    template <class Visit>
    void for_each_match(std::string_view text, Visit&& visit) const;

    std::vector<std::uint32_t> units_;
    std::array<bool, 256> begins_{};  // whether a key may begin with the byte
    std::string texts_;
};

// Error(usage) where the text is not base64.
std::string decode_base64(std::string_view text);

}  // namespace kohort::text

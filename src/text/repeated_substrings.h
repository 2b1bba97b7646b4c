// All substrings that a set of words repeats, with where they stand: the suffixes in order (Manber and Myers 1993) and their
// runs of equal beginnings (LCP intervals; Abouelhoda et al. 2004, section 3).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kohort::text {

// Words one after another, and how often each occurs.
struct WeightedWords {
    std::u32string characters;
    std::vector<std::int32_t> ends;    // of each word, in characters
    std::vector<std::int64_t> counts;  // of each word
};

struct RepeatedSubstring {
    std::int32_t length;       // characters, >= 2
    std::int32_t first, last;  // it begins at suffixes()[first, last)
    std::int64_t count;        // of all its occurrences, with words' counts
};

class RepeatedSubstrings {
  public:
    // Of 2 to `longest` characters (<= 255), within one word each, with a count of at least `min_count`. Left out are those
    // that are always followed by the same character: the longer one stands for them.
    RepeatedSubstrings(const WeightedWords& words, int longest, std::int64_t min_count);

    const std::vector<std::int32_t>& suffixes() const { return suffixes_; }  // places of `characters`
    const std::vector<RepeatedSubstring>& found() const { return found_; }   // the order depends on the words alone

  private:
    std::vector<std::int32_t> suffixes_;
    std::vector<RepeatedSubstring> found_;
};

}  // namespace kohort::text

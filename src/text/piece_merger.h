// Grows a vocabulary of pieces from word counts: again and again the most frequent pair of neighbours becomes a
// piece (byte-pair encoding, Sennrich et al. 2016, section 3.2, on characters with "##"; Hugging Face's
// WordPieceTrainer does the same).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "text/word_counter.h"

namespace kohort::text {

// The pieces that merging adds, in the order of their making, at most `most`. Words with a character outside
// `alphabet` are left out. Of pairs that are equally frequent the first by bytes (left part, then right part) is
// taken. A pair rarer than min_frequency is not merged. `breathe` is called now and then.
std::vector<std::string> merge_pieces(const std::vector<WordCount>& words, const std::vector<char32_t>& alphabet,
                                      std::int64_t most, std::int64_t min_frequency, const std::function<void()>& breathe);

}  // namespace kohort::text

// Makes a WordPiece vocabulary from the texts of all ranks: the special tokens, the characters, then the pieces of
// frequent words. BERT's normaliser makes every Han character a word, so Chinese gives characters only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/communicator.h"
#include "text/normalizer.h"
#include "text/word_counter.h"

namespace kohort::text {

struct VocabularyOptions {
    std::int64_t size = 30'000;         // tokens at most, special ones included
    std::int64_t min_frequency = 2;     // of a character, a word or a pair, over all texts
    std::int64_t most_characters = 0;   // tokens that are one character, with or without "##"; 0: 3/4 of size
    BertNormalizerOptions normalizer = {};
    std::int64_t most_words = 4'000'000;  // distinct words considered: bounds memory (see word_counter.h)
};

// Collective. The same tokens, in the same order, on every rank, for any number of ranks and any spread of the texts:
// [PAD] [UNK] [CLS] [SEP] [MASK], characters by bytes, the same as continuations ("##c"), pieces in the order of
// merging. Rank 0 holds the merged counts of frequent words while it works. Error(usage) when the size leaves no room
// for characters, Error(input) when there is no text at all.
std::vector<std::string> train_vocabulary(parallel::Communicator& comm, const TextSource& source,
                                          const VocabularyOptions& options);

}  // namespace kohort::text

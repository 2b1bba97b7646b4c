// How often each word occurs in all ranks' texts, counted exactly: what a vocabulary is made from. Words are
// spread over the ranks by their hash, so that no rank holds all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/communicator.h"
#include "text/normalizer.h"
#include "text/text_source.h"

namespace kohort::text {

struct WordCountOptions {
    BertNormalizerOptions normalizer = {};
    std::int64_t min_frequency = 2;           // rarer words are not reported
    std::int64_t most_words = 4'000'000;      // distinct words kept on all ranks together
    std::int64_t words_a_round = 1 << 20;     // distinct words a rank holds back before it sends them off
    std::int64_t longest_word = 64;           // characters; longer words are ids and addresses, not language
};

struct WordCount {
    std::string word;
    std::int64_t count = 0;
    bool operator==(const WordCount&) const = default;
};

struct CharacterCount {
    char32_t code = 0;
    std::int64_t count = 0;       // occurrences in all texts
    bool in_longer_word = false;  // seen in a word of two characters and more
    bool operator==(const CharacterCount&) const = default;
};

struct WordStatistics {
    std::vector<WordCount> words;            // of two characters and more, by bytes
    std::vector<CharacterCount> characters;  // by code point; words of one character count here alone
    bool pruned = false;                     // the texts had more than most_words words
};

// Collective. The statistics of all texts, on rank 0; empty on the others. They do not depend on the number of
// ranks or on how texts are spread. Where there are more than most_words distinct words, a second and a third pass
// keep those whose count-min estimate (Cormode and Muthukrishnan 2005, section 3; the sketch is an exact integer
// sum over ranks) reaches the lowest min_frequency * 2^i that few enough of them reach.
WordStatistics count_words(parallel::Communicator& comm, const TextSource& source, const WordCountOptions& options);

}  // namespace kohort::text

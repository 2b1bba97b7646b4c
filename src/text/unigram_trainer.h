// Makes a vocabulary of the unigram language model from the texts of all ranks (Kudo 2018, section 3.2): all characters and
// all repeated strings at first, then those go, round by round, that other pieces make up for best. Of Chinese it makes words.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "parallel/communicator.h"
#include "text/text_sample.h"

namespace kohort::text {

constexpr std::int64_t least_unigram_size = 16;

struct UnigramTrainerOptions {
    std::int64_t size = 12'000;           // pieces at most
    std::int64_t min_frequency = 2;       // of a character in all texts, and of a repeated string in the sample
    double coverage = 0.9995;             // of all texts' characters, by the most frequent; the others are no pieces
    std::int64_t most_characters = 0;     // pieces that are one character; 0: 3/4 of size, which is also the most
    std::int64_t longest_piece = 16;      // characters
    std::int64_t most_seeds = 1'000'000;  // repeated strings to begin with
    TextSampleOptions sample = {};        // what longer pieces are learnt from; with the normaliser of the tokenizer
    int threads = 1;                      // of rank 0
};

// Pieces and their log probabilities, the likelier first. No piece has white space in it or goes over the end of a script run
// (script_runs.h), and none marks a word's beginning.
using UnigramPieces = std::vector<std::pair<std::string, double>>;

// Collective. The pieces on rank 0, the same for any number of ranks and threads and any spread of the texts; elsewhere none.
// Characters are counted in all texts; of the sample every different text counts once. Error(usage) on every rank when the
// size leaves no room, Error(input) when there is no text, Error(stopped) on a stop request.
UnigramPieces train_unigram(parallel::Communicator& comm, const TextSource& source, const UnigramTrainerOptions& options);

// What the pieces depend on beside texts and options: this trainer, and the versions of Unicode's tables.
std::string unigram_rules_version();

}  // namespace kohort::text

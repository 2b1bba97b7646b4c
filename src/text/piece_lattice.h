// All ways to cut words into pieces, as a list of the pieces that begin at each place; and what the unigram model (Kudo
// 2018, section 3.2) needs to know of them: how often each piece is expected over all ways.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/repeated_substrings.h"

namespace kohort::text {

class PieceLattice {
  public:
    struct Piece {
        std::int32_t place;   // one where it occurs
        std::int32_t length;  // characters
    };

    // Pieces are the characters (by code point: 0, 1, …), then the given substrings in their order.
    // Words have at most `longest_word` characters.
    static constexpr std::int32_t longest_word = 48;
    PieceLattice(const WeightedWords& words, const std::vector<std::int32_t>& suffixes,
                 const std::vector<RepeatedSubstring>& substrings);

    std::int64_t characters() const { return characters_; }  // how many of the pieces are one character; never removed
    const std::vector<Piece>& pieces() const { return pieces_; }
    double length_of_words() const;  // in characters, with their counts

    struct Expectation {
        std::vector<double> counts;  // [pieces] over all words, with their counts
        double log_likelihood = 0;   // of all words: the log of the sum over all ways
    };
    // scores: [pieces] log probabilities. log_a_character: about what log_likelihood will be, divided by the characters; it
    // keeps the sums within the range of double. The same bits at any number of threads: words are added up in integers.
    Expectation expect(const std::vector<double>& scores, double log_a_character, int threads) const;

    // The best way to make this piece of others, as pieces; its score is the sum of theirs. Empty for a character.
    std::vector<std::int32_t> best_without(std::int32_t piece, const std::vector<double>& scores) const;

    // Leaves only the pieces that are wanted ([pieces]), in their order, and all characters.
    void keep_only(const std::vector<bool>& wanted);

  private:
    struct Edge {
        std::int32_t piece, length;
    };
    std::span<const Edge> edges_at(std::size_t place) const;
    struct Sums;
    void add_word(std::size_t begin, std::size_t end, std::int64_t count, const std::vector<double>& weights, Sums& sums) const;

    const WeightedWords& words_;
    std::int64_t characters_ = 0;
    std::vector<Piece> pieces_;
    std::vector<std::int64_t> edge_ends_;  // [places] of the edges that begin there
    std::vector<Edge> edges_;
};

}  // namespace kohort::text

// The unigram language model of subwords (Kudo 2018, section 3.2): of all ways to cut a text into pieces the one whose
// log probabilities have the largest sum, found by Viterbi's algorithm over a trie of the pieces. A character that is no
// piece counts as unknown, with a score below that of every piece.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/prefix_trie.h"
#include "text/tokenizer.h"

namespace kohort::text {

struct UnigramPiece {
    std::string_view text;  // not empty; distinct ones
    TokenId id;             // >= 0
    double score;           // log probability
};

class UnigramModel {
  public:
    // In what the sums of scores are kept: of almost equal ways the arithmetic decides. SentencePiece keeps float32,
    // Hugging Face's Rust tokenizers float64.
    enum class Sums { float32, float64 };

    static constexpr TokenId unknown = -1;
    static constexpr double unknown_penalty = 10;  // below the lowest score of a piece

    // Of ids the highest need not be small, but memory grows with it.
    UnigramModel(const std::vector<UnigramPiece>& pieces, double unknown_score, Sums sums);

    struct Span {
        std::size_t begin, end;  // bytes of the text
        TokenId id;              // `unknown`: one character
    };
    // The spans of the best way, in order. Of ways with equal sums the one whose last piece begins first counts, as in
    // both programs above. utf8 must be valid. Thread-safe.
    void cut(std::string_view utf8, std::vector<Span>& spans) const;

    // The id of this very piece, or `unknown`.
    TokenId find(std::string_view piece) const { return trie_.find(piece); }

  private:
    template <class Sum>
    void cut_with(std::string_view utf8, std::vector<Span>& spans) const;

    PrefixTrie trie_;
    std::vector<double> scores_;  // by id
    double unknown_score_;
    Sums sums_;
};

}  // namespace kohort::text

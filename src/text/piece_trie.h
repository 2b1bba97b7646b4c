// Greedy longest-match-first in linear time: a trie over the vocabulary's bytes with failure links, so that no byte
// of a word is looked at twice. Song et al., "Fast WordPiece Tokenization", EMNLP 2021, section 3 (LinMaxMatch),
// with two roots (pieces that begin a word, pieces that continue one) in one double array (Aoe 1989).
// Bytes instead of characters change nothing: in UTF-8 no character is a prefix of another.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace kohort::text {

class PieceTrie {
  public:
    using Pieces = std::vector<std::pair<std::string_view, TokenId>>;  // distinct, not empty, any order
    using State = std::int32_t;

    static constexpr State begin = 0;  // nothing of the word is read
    static constexpr State dead = -1;  // no sequence of pieces makes this word

    // `continuing` without their prefix ("##").
    PieceTrie(Pieces beginning, Pieces continuing);

    // Reads one byte; pieces that are certain by now are appended to `ids`. `state` must not be dead.
    State step(State state, unsigned char byte, std::vector<TokenId>& ids) const {
        for (;;) {
            const Node& node = nodes_[static_cast<std::size_t>(state)];
            const State next = node.base + byte;
            if (nodes_[static_cast<std::size_t>(next)].parent == state) return next;
            if (node.failure < 0) return dead;
            emit(node, ids);
            state = node.failure;
        }
    }

    // The word is over: appends what is left. False: no sequence of pieces makes this word.
    bool finish(State state, std::vector<TokenId>& ids) const {
        while (state > continued) {
            const Node& node = nodes_[static_cast<std::size_t>(state)];
            if (node.failure < 0) return false;
            emit(node, ids);
            state = node.failure;
        }
        return state != dead;
    }

  private:
    static constexpr State continued = 1;  // the root of the pieces that continue a word
    struct Node {
        std::int32_t base = 0;     // child of byte b: slot base + b, if that slot's parent is this node
        std::int32_t parent = -2;  // -2: a free slot; -1: a root
        std::int32_t failure = -1; // where to go on when no child fits; -1: nowhere
        std::int32_t pops = 0;     // the pieces that this move makes certain: one id, or -index into pops_
    };

    void emit(const Node& node, std::vector<TokenId>& ids) const {
        if (node.pops >= 0) {
            ids.push_back(node.pops);
            return;
        }
        const auto* list = pops_.data() - node.pops;
        ids.insert(ids.end(), list + 1, list + 1 + list[0]);
    }

    struct Pending;
    std::int32_t place(const std::vector<unsigned char>& bytes);
    void build(Pieces& beginning, Pieces& continuing, std::vector<State>& order, std::vector<unsigned char>& byte_of,
               std::vector<TokenId>& piece_of);
    void link(const std::vector<State>& order, const std::vector<unsigned char>& byte_of,
              const std::vector<TokenId>& piece_of);

    std::vector<Node> nodes_;
    std::vector<std::int32_t> pops_;  // lists of two pieces and more: count, ids
    std::size_t first_free_ = 256, family_from_ = 256;  // where place() begins to look: any byte fits from here on
};

}  // namespace kohort::text

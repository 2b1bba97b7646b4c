#include "text/piece_trie.h"

#include <algorithm>
#include <deque>

namespace kohort::text {

namespace {
constexpr std::size_t byte_values = 256;
}

// A node whose children are still to be made: pieces [first, last) of `pieces` share their first `depth` bytes.
struct PieceTrie::Pending {
    State node;
    const Pieces* pieces;
    std::size_t first, last, depth;
};

PieceTrie::PieceTrie(Pieces beginning, Pieces continuing) {
    std::vector<State> order;
    std::vector<unsigned char> byte_of;
    std::vector<TokenId> piece_of;
    build(beginning, continuing, order, byte_of, piece_of);
    link(order, byte_of, piece_of);
}

// A base at which the slots of all `bytes` (ascending) are free.
std::int32_t PieceTrie::place(const std::vector<unsigned char>& bytes) {
    const auto is_free = [&](std::size_t slot) { return nodes_[slot].parent == -2; };
    while (first_free_ < nodes_.size() && !is_free(first_free_)) ++first_free_;
    // Single children fill the gaps from the front; families are looked for behind the crowded part.
    family_from_ = std::max(family_from_, first_free_);
    const std::size_t from = bytes.size() == 1 ? first_free_ : family_from_;
    for (std::size_t slot = from;; ++slot) {
        const std::size_t base = slot - bytes.front();
        // Slack for every byte, so that a step never needs a bound.
        if (nodes_.size() < base + 2 * byte_values) nodes_.resize((base + 2 * byte_values) * 3 / 2);
        if (!std::all_of(bytes.begin(), bytes.end(), [&](unsigned char byte) { return is_free(base + byte); })) continue;
        constexpr std::size_t long_search = 256;
        if (bytes.size() > 1 && slot > from + long_search) family_from_ = slot - long_search / 2;
        return static_cast<std::int32_t>(base);
    }
}

// Level by level, both tries at once; `order` holds every node, shorter strings first.
void PieceTrie::build(Pieces& beginning, Pieces& continuing, std::vector<State>& order,
                      std::vector<unsigned char>& byte_of, std::vector<TokenId>& piece_of) {
    std::sort(beginning.begin(), beginning.end());
    std::sort(continuing.begin(), continuing.end());
    nodes_.resize(2 * byte_values);
    nodes_[begin].parent = nodes_[continued].parent = -1;
    std::deque<Pending> pending{{begin, &beginning, 0, beginning.size(), 0},
                                {continued, &continuing, 0, continuing.size(), 0}};
    std::vector<unsigned char> bytes;
    while (!pending.empty()) {
        Pending now = pending.front();
        pending.pop_front();
        const Pieces& pieces = *now.pieces;
        if (piece_of.size() < nodes_.size()) piece_of.resize(nodes_.size(), -1);
        if (now.first < now.last && pieces[now.first].first.size() == now.depth)
            piece_of[static_cast<std::size_t>(now.node)] = pieces[now.first++].second;
        if (now.first == now.last) continue;

        const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(pieces[i].first[now.depth]); };
        bytes.clear();
        for (std::size_t i = now.first; i < now.last; ++i)
            if (bytes.empty() || bytes.back() != byte_at(i)) bytes.push_back(byte_at(i));
        const std::int32_t base = place(bytes);
        nodes_[static_cast<std::size_t>(now.node)].base = base;
        byte_of.resize(nodes_.size());
        for (std::size_t i = now.first; i < now.last;) {
            const unsigned char byte = byte_at(i);
            const State child = base + byte;
            nodes_[static_cast<std::size_t>(child)].parent = now.node;
            byte_of[static_cast<std::size_t>(child)] = byte;
            std::size_t next = i;
            while (next < now.last && byte_at(next) == byte) ++next;
            pending.push_back({child, now.pieces, i, next, now.depth + 1});
            order.push_back(child);
            i = next;
        }
    }
    piece_of.resize(nodes_.size(), -1);
}

// Algorithm 1 of the paper (precomputation): a node's failure link leads to the longest rest of its string that
// begins a further match, once the pieces in front of that rest have been popped.
void PieceTrie::link(const std::vector<State>& order, const std::vector<unsigned char>& byte_of,
                     const std::vector<TokenId>& piece_of) {
    std::vector<TokenId> popped;
    pops_.push_back(0);  // lists begin at index 1, so that their negative index is below 0
    for (const State at : order) {
        Node& node = nodes_[static_cast<std::size_t>(at)];
        const unsigned char byte = byte_of[static_cast<std::size_t>(at)];
        if (const TokenId piece = piece_of[static_cast<std::size_t>(at)]; piece >= 0) {
            node.failure = continued;
            node.pops = piece;
            continue;
        }
        const Node& parent = nodes_[static_cast<std::size_t>(node.parent)];
        State rest = parent.failure;
        if (rest < 0) continue;  // no piece is a prefix of this string
        popped.clear();
        emit(parent, popped);
        const auto child = [&](State from) {
            const State slot = nodes_[static_cast<std::size_t>(from)].base + byte;
            return nodes_[static_cast<std::size_t>(slot)].parent == from ? slot : dead;
        };
        while (rest >= 0 && child(rest) == dead) {
            const Node& skipped = nodes_[static_cast<std::size_t>(rest)];
            if (skipped.failure >= 0) emit(skipped, popped);
            rest = skipped.failure;
        }
        if (rest < 0) continue;
        node.failure = child(rest);
        if (popped.size() == 1) {
            node.pops = popped[0];
        } else {
            node.pops = -static_cast<std::int32_t>(pops_.size());
            pops_.push_back(static_cast<std::int32_t>(popped.size()));
            pops_.insert(pops_.end(), popped.begin(), popped.end());
        }
    }
}

}  // namespace kohort::text

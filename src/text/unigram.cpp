#include "text/unigram.h"

#include <algorithm>
#include <bit>

namespace kohort::text {
namespace {

PrefixTrie make_trie(const std::vector<UnigramPiece>& pieces) {
    std::vector<PrefixTrie::Key> keys;
    keys.reserve(pieces.size());
    for (const UnigramPiece& piece : pieces) keys.emplace_back(piece.text, piece.id);
    return PrefixTrie(std::move(keys));
}

// Bytes of the character that begins so.
std::size_t length_of(char lead) {
    return std::max<std::size_t>(static_cast<std::size_t>(std::countl_one(static_cast<unsigned char>(lead))), 1);
}

}  // namespace

UnigramModel::UnigramModel(const std::vector<UnigramPiece>& pieces, double unknown_score, Sums sums)
    : trie_(make_trie(pieces)), unknown_score_(unknown_score), sums_(sums) {
    for (const UnigramPiece& piece : pieces) {
        const auto id = static_cast<std::size_t>(piece.id);
        if (id >= scores_.size()) scores_.resize(id + 1);
        scores_[id] = piece.score;
    }
}

void UnigramModel::cut(std::string_view utf8, std::vector<Span>& spans) const {
    if (sums_ == Sums::float32) cut_with<float>(utf8, spans);
    else cut_with<double>(utf8, spans);
}

template <class Sum>
void UnigramModel::cut_with(std::string_view utf8, std::vector<Span>& spans) const {
    struct Node {
        Sum sum;        // of the best way that ends here
        TokenId id;     // of its last piece
        std::size_t begin;
    };
    constexpr std::size_t unreached = SIZE_MAX;
    thread_local std::vector<Node> nodes;  // [bytes + 1]
    nodes.assign(utf8.size() + 1, {0, unknown, unreached});
    const auto unknown_score = static_cast<Sum>(unknown_score_);
    for (std::size_t begin = 0; begin < utf8.size();) {
        const Sum here = nodes[begin].sum;
        const std::size_t character = std::min(length_of(utf8[begin]), utf8.size() - begin);
        bool is_piece = false;
        trie_.for_each_prefix(utf8.substr(begin), [&](std::size_t length, TokenId id) {
            Node& node = nodes[begin + length];
            const double sum = scores_[static_cast<std::size_t>(id)] + here;
            if (node.begin == unreached || sum > node.sum) node = {static_cast<Sum>(sum), id, begin};
            is_piece = is_piece || length == character;
        });
        if (!is_piece) {
            Node& node = nodes[begin + character];
            const Sum sum = unknown_score + here;
            if (node.begin == unreached || sum > node.sum) node = {sum, unknown, begin};
        }
        begin += character;
    }
    spans.clear();
    for (std::size_t end = utf8.size(); end > 0; end = nodes[end].begin)
        spans.push_back({nodes[end].begin, end, nodes[end].id});
    std::ranges::reverse(spans);
}

}  // namespace kohort::text

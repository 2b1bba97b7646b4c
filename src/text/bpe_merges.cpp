#include "text/bpe_merges.h"

#include <algorithm>
#include <bit>

namespace kohort::text {
namespace {

// Up to here looking at all pairs for each merge is faster than a queue.
constexpr std::size_t short_word = 96;

// A pair that can be joined; the earliest learned comes first, and of equal ones the leftmost.
struct Candidate {
    std::int32_t rank, left;  // left: the place of its first symbol
    TokenId first, second;    // as they were when this was noted
    bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
};

}  // namespace

BpeMerges::BpeMerges(std::size_t most) : slots_(std::bit_ceil(2 * most + 2)) {}

void BpeMerges::add(TokenId left, TokenId right, TokenId joined) {
    const std::uint64_t pair = pair_of(left, right);
    slots_[slot_of(pair)] = {pair, next_rank_++, joined};
}

void BpeMerges::apply(std::vector<TokenId>& symbols) const {
    if (symbols.size() < 2) return;
    if (symbols.size() <= short_word) apply_to_short(symbols);
    else apply_to_long(symbols);
}

void BpeMerges::apply_to_short(std::vector<TokenId>& symbols) const {
    std::int32_t ranks[short_word];  // ranks[i]: of the symbols i and i + 1
    TokenId joined[short_word];
    auto count = static_cast<std::ptrdiff_t>(symbols.size());
    TokenId* const ids = symbols.data();
    const auto look = [&](std::ptrdiff_t left) {
        const Slot& slot = find(ids[left], ids[left + 1]);
        ranks[left] = slot.rank;
        joined[left] = slot.joined;
    };
    for (std::ptrdiff_t i = 0; i + 1 < count; ++i) look(i);
    while (count > 1) {
        const auto best = std::min_element(ranks, ranks + count - 1) - ranks;  // the first of equal ones
        if (ranks[best] == no_rank) break;
        ids[best] = joined[best];
        std::copy(ids + best + 2, ids + count, ids + best + 1);
        std::copy(ranks + best + 1, ranks + count - 1, ranks + best);
        std::copy(joined + best + 1, joined + count - 1, joined + best);
        --count;
        if (best > 0) look(best - 1);
        if (best + 1 < count) look(best);
    }
    symbols.resize(static_cast<std::size_t>(count));
}

// A list of symbols and a queue of the pairs that can be joined; what was noted of symbols that are no more is passed by.
void BpeMerges::apply_to_long(std::vector<TokenId>& symbols) const {
    const auto count = static_cast<std::int32_t>(symbols.size());
    std::vector<std::int32_t> previous(symbols.size()), next(symbols.size());  // -1: none
    std::vector<Candidate> queue;
    const auto at = [](std::int32_t place) { return static_cast<std::size_t>(place); };
    for (std::int32_t i = 0; i < count; ++i) {
        previous[at(i)] = i - 1;
        next[at(i)] = i + 1 < count ? i + 1 : -1;
    }
    const auto note = [&](std::int32_t left) {
        if (left < 0 || next[at(left)] < 0) return false;
        const TokenId first = symbols[at(left)], second = symbols[at(next[at(left)])];
        const Slot& slot = find(first, second);
        if (slot.rank != no_rank) queue.push_back({slot.rank, left, first, second});
        return slot.rank != no_rank;
    };
    for (std::int32_t i = 0; i < count; ++i) note(i);
    std::make_heap(queue.begin(), queue.end());
    while (!queue.empty()) {
        std::pop_heap(queue.begin(), queue.end());
        const Candidate best = queue.back();
        queue.pop_back();
        const std::int32_t right = next[at(best.left)];
        if (symbols[at(best.left)] != best.first || right < 0 || symbols[at(right)] != best.second) continue;
        symbols[at(best.left)] = find(best.first, best.second).joined;
        symbols[at(right)] = -1;
        next[at(best.left)] = next[at(right)];
        if (next[at(right)] >= 0) previous[at(next[at(right)])] = best.left;
        if (note(previous[at(best.left)])) std::push_heap(queue.begin(), queue.end());
        if (note(best.left)) std::push_heap(queue.begin(), queue.end());
    }
    std::erase(symbols, -1);
}

}  // namespace kohort::text

// The merges of byte-pair encoding, and how a word's symbols are joined by them: of all neighbours the pair that was
// learned first, of equal ones the leftmost, again and again (Sennrich et al. 2016, algorithm 1).
#pragma once

#include <cstdint>
#include <vector>

#include "text/tokenizer.h"

namespace kohort::text {

class BpeMerges {
  public:
    BpeMerges() : BpeMerges(0) {}
    // most: how many merges will be added at the most.
    explicit BpeMerges(std::size_t most);

    // Each pair learned after those before it; a pair that comes twice counts where it comes last, as in Hugging
    // Face's readers.
    void add(TokenId left, TokenId right, TokenId joined);

    // Joins what can be joined, in place. Thread-safe.
    void apply(std::vector<TokenId>& symbols) const;

  private:
    static constexpr std::int32_t no_rank = INT32_MAX;
    static constexpr std::uint64_t no_pair = UINT64_MAX;
    struct Slot {
        std::uint64_t pair = no_pair;
        std::int32_t rank = no_rank;
        TokenId joined = -1;
    };
    static std::uint64_t pair_of(TokenId left, TokenId right) {
        return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
    }
    // Where the pair stands, or would stand.
    std::size_t slot_of(std::uint64_t pair) const {
        const std::size_t mask = slots_.size() - 1;
        std::size_t slot = static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15u) >> 32) & mask;
        while (slots_[slot].pair != pair && slots_[slot].pair != no_pair) slot = (slot + 1) & mask;
        return slot;
    }
    // A slot without a rank where the pair is none.
    const Slot& find(TokenId left, TokenId right) const { return slots_[slot_of(pair_of(left, right))]; }
    void apply_to_short(std::vector<TokenId>& symbols) const;
    void apply_to_long(std::vector<TokenId>& symbols) const;

    std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
    std::int32_t next_rank_ = 0;
};

}  // namespace kohort::text

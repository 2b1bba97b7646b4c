// The ids of words that were seen lately. Each thread has one for all tokenizers, so nothing is locked.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace kohort::text {

class WordCache {
  public:
    static constexpr std::size_t most_bytes = 26, most_ids = 8;

    static WordCache& of_this_thread();

    // A number that no other tokenizer of this process has; words are kept under it.
    static std::uint32_t new_owner();

    // Appends the ids of a word of at most `most_bytes` bytes. False: they are not known.
    bool find(std::uint32_t owner, std::string_view word, std::vector<TokenId>& ids) const {
        const Entry& entry = entries_[slot_of(owner, word)];
        if (entry.owner != owner || std::string_view(entry.bytes.data(), entry.length) != word) return false;
        ids.insert(ids.end(), entry.ids.begin(), entry.ids.begin() + entry.count);
        return true;
    }

    // Keeps at most `most_ids` ids of such a word; what stood in its place is forgotten.
    void keep(std::uint32_t owner, std::string_view word, const TokenId* ids, std::size_t count);

  private:
    static constexpr std::size_t slots = 1 << 13;
    struct Entry {
        std::uint32_t owner = 0;  // 0: nothing is kept here
        std::uint8_t length = 0, count = 0;
        std::array<char, most_bytes> bytes{};
        std::array<TokenId, most_ids> ids{};
    };

    WordCache() : entries_(slots) {}
    static std::size_t slot_of(std::uint32_t owner, std::string_view word);

    std::vector<Entry> entries_;
};

}  // namespace kohort::text

#include "text/word_cache.h"

#include <algorithm>
#include <atomic>
#include <functional>

namespace kohort::text {

WordCache& WordCache::of_this_thread() {
    thread_local WordCache cache;
    return cache;
}

std::uint32_t WordCache::new_owner() {
    static std::atomic<std::uint32_t> owners{0};
    return ++owners;
}

std::size_t WordCache::slot_of(std::uint32_t owner, std::string_view word) {
    return (std::hash<std::string_view>{}(word) ^ owner * std::size_t{0x9E3779B1}) % slots;
}

void WordCache::keep(std::uint32_t owner, std::string_view word, const TokenId* ids, std::size_t count) {
    Entry& entry = entries_[slot_of(owner, word)];
    entry.owner = owner;
    entry.length = static_cast<std::uint8_t>(word.size());
    entry.count = static_cast<std::uint8_t>(count);
    std::ranges::copy(word, entry.bytes.begin());
    std::copy_n(ids, count, entry.ids.begin());
}

}  // namespace kohort::text

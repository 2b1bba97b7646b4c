#include "text/prefix_trie.h"

#include <algorithm>
#include <deque>

#include "base/error.h"

namespace kohort::text {
namespace {

constexpr std::size_t byte_values = 256;

// A node whose children are still to be made: keys [first, last) share their first `depth` bytes.
struct Pending {
    std::int32_t node;
    std::size_t first, last, depth;
};

}  // namespace

// A base at which the slots of all `bytes` (ascending) are free.
std::int32_t PrefixTrie::place(const std::vector<unsigned char>& bytes) {
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

PrefixTrie::PrefixTrie(std::vector<Key> keys) {
    std::sort(keys.begin(), keys.end());
    nodes_.resize(2 * byte_values);
    nodes_[0].parent = -1;
    std::deque<Pending> pending{{0, 0, keys.size(), 0}};
    std::vector<unsigned char> bytes;
    for (; !pending.empty(); pending.pop_front()) {
        auto [node, first, last, depth] = pending.front();
        if (first < last && keys[first].first.size() == depth) {
            if (depth == 0 || keys[first].second < 0)
                base::fail(base::ErrorKind::internal, "a key of a trie is empty, or its value negative");
            nodes_[static_cast<std::size_t>(node)].value = keys[first++].second;
            if (first < last && keys[first].first.size() == depth)
                base::fail(base::ErrorKind::internal, "a key of a trie comes twice");
        }
        if (first == last) continue;
        const auto byte_at = [&, at = depth](std::size_t i) { return static_cast<unsigned char>(keys[i].first[at]); };
        bytes.clear();
        for (std::size_t i = first; i < last; ++i)
            if (bytes.empty() || bytes.back() != byte_at(i)) bytes.push_back(byte_at(i));
        const std::int32_t base = place(bytes);
        nodes_[static_cast<std::size_t>(node)].base = base;
        for (std::size_t i = first; i < last;) {
            const unsigned char byte = byte_at(i);
            nodes_[static_cast<std::size_t>(base + byte)].parent = node;
            std::size_t next = i;
            while (next < last && byte_at(next) == byte) ++next;
            pending.push_back({base + byte, i, next, depth + 1});
            i = next;
        }
    }
}

std::int32_t PrefixTrie::find(std::string_view key) const {
    std::int32_t found = -1;
    for_each_prefix(key, [&](std::size_t length, std::int32_t value) {
        if (length == key.size()) found = value;
    });
    return found;
}

}  // namespace kohort::text

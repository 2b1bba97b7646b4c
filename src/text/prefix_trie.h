// Finds the keys that a text begins with: a trie over bytes in a double array (Aoe 1989).
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace kohort::text {

class PrefixTrie {
  public:
    using Key = std::pair<std::string_view, std::int32_t>;

    PrefixTrie() : PrefixTrie(std::vector<Key>{}) {}
    // Keys are distinct and not empty, values not negative. Error(internal) otherwise.
    explicit PrefixTrie(std::vector<Key> keys);

    // visit(std::size_t length, std::int32_t value) for every key that the text begins with, short ones first.
    template <class Visit>
    void for_each_prefix(std::string_view text, Visit&& visit) const {
        std::int32_t node = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const std::int32_t next = nodes_[static_cast<std::size_t>(node)].base + static_cast<unsigned char>(text[i]);
            const Node& child = nodes_[static_cast<std::size_t>(next)];
            if (child.parent != node) return;
            if (child.value >= 0) visit(i + 1, child.value);
            node = next;
        }
    }

    // The value of this very key; -1: it is none.
    std::int32_t find(std::string_view key) const;

  private:
    struct Node {
        std::int32_t base = 0;     // child of byte b: slot base + b, if that slot's parent is this node
        std::int32_t parent = -2;  // -2: a free slot; -1: the root
        std::int32_t value = -1;   // -1: no key ends here
    };
    std::int32_t place(const std::vector<unsigned char>& bytes);

    std::vector<Node> nodes_;
    std::size_t first_free_ = 256, family_from_ = 256;  // where place() begins to look: any byte fits from here on
};

}  // namespace kohort::text

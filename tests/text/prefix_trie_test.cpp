#include "text/prefix_trie.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "base/error.h"

namespace kohort::text {
namespace {

TEST(PrefixTrie, finds_what_a_map_finds) {
    std::mt19937 random(5);
    for (const unsigned alphabet : {2u, 5u, 256u}) {
        const auto next = [&](unsigned most) {
            std::string text;
            for (unsigned left = 1 + random() % most; left > 0; --left) text.push_back(static_cast<char>(random() % alphabet));
            return text;
        };
        std::map<std::string, std::int32_t> keys;
        for (std::int32_t i = 0; i < 3000; ++i) keys.emplace(next(9), i);
        const PrefixTrie trie(std::vector<PrefixTrie::Key>(keys.begin(), keys.end()));
        for (const auto& [key, value] : keys) ASSERT_EQ(trie.find(key), value);
        for (int i = 0; i < 5000; ++i) {
            const auto text = next(12);
            std::vector<std::pair<std::size_t, std::int32_t>> got, expected;
            trie.for_each_prefix(text, [&](std::size_t length, std::int32_t value) { got.emplace_back(length, value); });
            for (std::size_t length = 1; length <= text.size(); ++length)
                if (const auto found = keys.find(text.substr(0, length)); found != keys.end())
                    expected.emplace_back(length, found->second);
            ASSERT_EQ(got, expected);
        }
    }
}

TEST(PrefixTrie, keys_that_cannot_be_are_refused) {
    EXPECT_EQ(PrefixTrie().find("a"), -1);
    EXPECT_THROW(PrefixTrie({{"", 0}}), base::Error);
    EXPECT_THROW(PrefixTrie({{"a", 0}, {"a", 1}}), base::Error);
    EXPECT_THROW(PrefixTrie({{"a", -1}}), base::Error);
}

}  // namespace
}  // namespace kohort::text

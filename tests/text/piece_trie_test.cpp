#include "text/piece_trie.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "text/wordpiece.h"

namespace kohort::text {
namespace {

struct Cut {
    PieceTrie trie;
    std::vector<TokenId> operator()(std::string_view word, TokenId unknown) const {
        std::vector<TokenId> ids;
        PieceTrie::State state = PieceTrie::begin;
        for (const char byte : word) {
            state = trie.step(state, static_cast<unsigned char>(byte), ids);
            if (state == PieceTrie::dead) return {unknown};
        }
        if (!trie.finish(state, ids)) return {unknown};
        return ids;
    }
};

Cut make_cut(const Vocabulary& vocabulary) {
    PieceTrie::Pieces beginning, continuing;
    for (TokenId id = 0; id < vocabulary.size(); ++id) {
        const std::string_view token = vocabulary.token(id);
        beginning.emplace_back(token, id);
        if (token.size() > 2 && token.starts_with("##")) continuing.emplace_back(token.substr(2), id);
    }
    return {PieceTrie(std::move(beginning), std::move(continuing))};
}

// The example of Song et al. 2021, figure 1 and table 1.
TEST(PieceTrie, cuts_the_papers_example) {
    const Vocabulary vocabulary({"[UNK]", "a", "abcdx", "##b", "##c", "##cdy", "##dz"});
    const Cut cut = make_cut(vocabulary);
    EXPECT_EQ(cut("abcdz", 0), (std::vector<TokenId>{1, 3, 4, 6}));
    EXPECT_EQ(cut("abcdx", 0), (std::vector<TokenId>{2}));
    EXPECT_EQ(cut("abcdy", 0), (std::vector<TokenId>{1, 3, 5}));
    EXPECT_EQ(cut("abcd", 0), (std::vector<TokenId>{0}));
    EXPECT_EQ(cut("dz", 0), (std::vector<TokenId>{0}));
}

// Small alphabets make vocabularies in which nearly every word has many ways and many dead ends.
TEST(PieceTrie, equals_the_naive_longest_match_on_random_vocabularies) {
    std::mt19937 random(3);
    for (int round = 0; round < 300; ++round) {
        const std::vector<std::string> alphabet = round % 3 == 0 ? std::vector<std::string>{"a", "b"}
                                                : round % 3 == 1 ? std::vector<std::string>{"a", "b", "c", "é"}
                                                                 : std::vector<std::string>{"é", "è", "手", "扌", "a"};
        const auto word_of = [&](std::size_t length) {
            std::string word;
            for (std::size_t i = 0; i < length; ++i) word += alphabet[random() % alphabet.size()];
            return word;
        };
        std::set<std::string> tokens;
        for (std::uint32_t i = 0, count = 1 + random() % 40; i < count; ++i)
            tokens.insert((random() % 2 ? "##" : "") + word_of(1 + random() % 6));
        WordPieceSettings settings;
        std::vector<std::string> list{"[UNK]"};
        list.insert(list.end(), tokens.begin(), tokens.end());
        settings.vocabulary = Vocabulary(list);
        const Cut cut = make_cut(settings.vocabulary);
        for (int i = 0; i < 200; ++i) {
            const std::string word = word_of(1 + random() % 14);
            ASSERT_EQ(cut(word, 0), cut_word(word, settings)) << word << " with " << testing::PrintToString(list);
        }
    }
}

TEST(PieceTrie, an_empty_vocabulary_knows_no_word) {
    const Cut cut{PieceTrie({}, {})};
    EXPECT_EQ(cut("a", 7), (std::vector<TokenId>{7}));
    EXPECT_EQ(cut("\xFF", 7), (std::vector<TokenId>{7}));
}

}  // namespace
}  // namespace kohort::text

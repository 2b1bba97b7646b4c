#include "text/vocabulary_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/error.h"
#include "random_text.h"
#include "ranked_texts.h"
#include "text/piece_merger.h"
#include "text/wordpiece.h"

namespace kohort::text {
namespace {

using testing::ElementsAre;

std::vector<std::string> corpus() {
    RandomText noise(21);
    std::mt19937 random(4);
    const std::vector<std::string> words{"lower", "lowest", "newer", "newest", "wide", "手机壳", "running", "runner", "Run", "é", "banana", "aaaa", "42"};
    std::vector<std::string> texts;
    for (int i = 0; i < 400; ++i) {
        std::string text;
        for (int j = 0; j < 12; ++j) {
            // A Zipf-like choice, so that counts differ and also tie.
            const auto word = words[std::min<std::size_t>(random() % words.size(), random() % words.size())];
            text += word + (random() % 4 ? " " : "");
        }
        texts.push_back(i % 5 == 0 ? noise.next() : text);
    }
    return texts;
}

TEST(WordCounter, counts_what_a_plain_loop_counts) {
    const auto texts = corpus();
    std::map<std::string, std::int64_t> words;
    std::map<char32_t, CharacterCount> characters;
    for (const std::string& text : texts)
        for (const std::u32string& word : split_words(normalize(text, {}))) {
            if (word.size() > 64) continue;
            if (word.size() > 1) ++words[to_utf8(word)];
            for (const char32_t code : word) {
                auto& entry = characters[code];
                entry.code = code;
                ++entry.count;
                entry.in_longer_word |= word.size() > 1;
            }
        }
    std::erase_if(words, [](const auto& entry) { return entry.second < 2; });
    for (const int ranks : {1, 2, 3, 5}) {
        for (const std::int64_t words_a_round : {1, 7, 1 << 20}) {
            const auto found = on_ranks<WordStatistics>(ranks, [&](parallel::Communicator& comm) {
                return count_words(comm, share(texts, comm.rank(), comm.size(), false), {.words_a_round = words_a_round});
            });
            EXPECT_FALSE(found.pruned);
            ASSERT_EQ(found.words.size(), words.size());
            auto expected = words.begin();
            for (const WordCount& word : found.words) {
                EXPECT_EQ(word, (WordCount{expected->first, expected->second}));
                ++expected;
            }
            ASSERT_EQ(found.characters.size(), characters.size());
            auto character = characters.begin();
            for (const CharacterCount& entry : found.characters) EXPECT_EQ(entry, (character++)->second);
        }
    }
}

TEST(WordCounter, prunes_alike_on_any_number_of_ranks_and_in_any_order) {
    const auto texts = corpus();
    const WordCountOptions options{.most_words = 12, .words_a_round = 5};
    WordStatistics one;
    for (const int ranks : {1, 2, 3, 5}) {
        const auto found = on_ranks<WordStatistics>(ranks, [&](parallel::Communicator& comm) {
            return count_words(comm, share(texts, comm.rank(), comm.size(), ranks % 2 == 0), options);
        });
        EXPECT_TRUE(found.pruned);
        EXPECT_LE(found.words.size(), 12u);
        EXPECT_GE(found.words.size(), 3u);
        if (ranks == 1) one = found;
        EXPECT_EQ(found.words, one.words);
        EXPECT_EQ(found.characters, one.characters);
    }
    // The words that stay have their full counts.
    const auto whole = on_ranks<WordStatistics>(1, [&](parallel::Communicator& comm) { return count_words(comm, share(texts, 0, 1, false), {}); });
    for (const WordCount& word : one.words) EXPECT_THAT(whole.words, testing::Contains(word));
}

// Byte-pair merging by its definition: count all pairs anew each time.
std::vector<std::string> naive_merges(const std::vector<WordCount>& words, const std::vector<char32_t>& alphabet, std::size_t most, std::int64_t min_frequency) {
    std::vector<std::pair<std::vector<std::string>, std::int64_t>> lines;
    std::vector<std::string> known, made;
    for (const WordCount& word : words) {
        std::vector<std::string> line;
        bool all = true;
        for (const char32_t code : to_code_points(word.word)) {
            all = all && std::count(alphabet.begin(), alphabet.end(), code) > 0;
            line.push_back((line.empty() ? "" : "##") + to_utf8({&code, 1}));
        }
        if (all) lines.emplace_back(line, word.count);
    }
    for (const auto& line : lines) known.insert(known.end(), line.first.begin(), line.first.end());
    while (made.size() < most) {
        std::map<std::pair<std::string, std::string>, std::int64_t> pairs;
        for (const auto& [line, count] : lines)
            for (std::size_t i = 0; i + 1 < line.size(); ++i) pairs[{line[i], line[i + 1]}] += count;
        const auto best = std::max_element(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
        if (best == pairs.end() || best->second < min_frequency) break;
        const std::string name = best->first.first + best->first.second.substr(2);
        if (std::count(known.begin(), known.end(), name) == 0) {
            made.push_back(name);
            known.push_back(name);
        }
        for (auto& line : lines) {
            std::vector<std::string> merged;
            for (std::size_t i = 0; i < line.first.size(); ++i) {
                const bool here = i + 1 < line.first.size() && line.first[i] == best->first.first && line.first[i + 1] == best->first.second;
                merged.push_back(here ? name : line.first[i]);
                i += here;
            }
            line.first = merged;
        }
    }
    return made;
}

TEST(PieceMerger, equals_counting_all_pairs_anew) {
    std::mt19937 random(8);
    for (int round = 0; round < 40; ++round) {
        std::map<std::string, std::int64_t> counts;
        for (int i = 0; i < 40; ++i) {
            std::string word;
            for (std::uint32_t j = 0, length = 2 + random() % 9; j < length; ++j) word += "abcé"[0] + static_cast<char>(random() % 3);
            counts[word] = 1 + random() % 5;  // small counts make many ties
        }
        std::vector<WordCount> words;
        for (const auto& [word, count] : counts) words.push_back({word, count});
        const std::vector<char32_t> alphabet = round % 4 == 0 ? std::vector<char32_t>{U'a', U'b'} : std::vector<char32_t>{U'a', U'b', U'c'};
        const std::int64_t min_frequency = 1 + round % 3;
        EXPECT_EQ(merge_pieces(words, alphabet, 60, min_frequency, [] {}), naive_merges(words, alphabet, 60, min_frequency));
    }
}

TEST(PieceMerger, ties_go_to_the_first_by_bytes) {
    EXPECT_THAT(merge_pieces({{"dc", 3}, {"ba", 3}, {"bb", 3}}, {U'a', U'b', U'c', U'd'}, 10, 2, [] {}), ElementsAre("ba", "bb", "dc"));
}

TEST(VocabularyTrainer, is_the_same_on_any_number_of_ranks_and_in_any_order) {
    const auto texts = corpus();
    const VocabularyOptions options{.size = 400};
    std::vector<std::string> one;
    for (const int ranks : {1, 2, 3, 5}) {
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
            const auto mine = train_vocabulary(comm, share(texts, comm.rank(), comm.size(), ranks % 2 == 0), options);
            if (ranks == 1) one = mine;
            EXPECT_EQ(mine, one) << "rank " << comm.rank() << " of " << ranks;
        });
    }
    ASSERT_GT(one.size(), 60u);
    EXPECT_LE(one.size(), 400u);
    EXPECT_THAT(std::vector<std::string>(one.begin(), one.begin() + 5), ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"));
    auto sorted = one;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end()) << "a token comes twice";
    for (const char* token : {"手", "机", "壳", "a", "##a", "running", "lowest", "banana"}) EXPECT_THAT(one, testing::Contains(token));
    EXPECT_THAT(one, testing::Not(testing::Contains("##手")));
}

TEST(VocabularyTrainer, the_tokenizer_made_of_it_knows_every_word_it_has_seen_often) {
    const std::vector<std::string> texts{"low low lower lower newest newest 手机 手机", "wide wide widest widest"};
    const auto tokens = on_ranks<std::vector<std::string>>(2, [&](parallel::Communicator& comm) {
        return train_vocabulary(comm, share(texts, comm.rank(), comm.size(), false), {.size = 60});
    });
    const WordPiece tokenizer(bert_settings(Vocabulary(tokens), {}));
    std::vector<TokenId> ids;
    tokenizer.encode("Lower NEWEST widest 手机", ids);
    EXPECT_EQ(ids.size(), 5u);
    EXPECT_THAT(ids, testing::Not(testing::Contains(tokenizer.special().unknown)));
}

TEST(VocabularyTrainer, keeps_to_its_size_and_takes_the_frequent_characters) {
    const std::vector<std::string> texts{"手手手机机机壳壳套套 ab ab ab"};
    const auto tokens = on_ranks<std::vector<std::string>>(1, [&](parallel::Communicator& comm) {
        return train_vocabulary(comm, share(texts, 0, 1, false), {.size = 16, .most_characters = 6});
    });
    // Six tokens: a and b with their continuations, 手 and 机; then the one pair.
    EXPECT_THAT(tokens, ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "手", "机", "##a", "##b", "ab"));
}

TEST(VocabularyTrainer, refuses_nothing_to_learn_from_on_every_rank) {
    int refused = 0;
    std::mutex mutex;
    parallel::run_thread_ranks(3, [&](parallel::Communicator& comm) {
        try {
            train_vocabulary(comm, [](const auto&) {}, {});
        } catch (const base::Error& error) {
            const std::lock_guard lock(mutex);
            refused += error.kind() == base::ErrorKind::input;
        }
    });
    EXPECT_EQ(refused, 3);
}

}  // namespace
}  // namespace kohort::text

// GPT-2's ids, and the fast merging against the plain one.
#include "text/byte_level_bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "base/atomic_file.h"
#include "base/error.h"
#include "refusal.h"
#include "shared_data.h"
#include "temporary_folder.h"
#include "text/gpt2_words.h"

namespace kohort::text {
namespace {

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for_each_gpt2_word(text, [&](std::string_view word) {
        words.emplace_back(word);
        return true;
    });
    return words;
}

TEST(ByteLevelBpe, gives_hugging_faces_ids) {
    KOHORT_NEED_SHARED(vocabulary, "data/vocab_gpt2");
    KOHORT_NEED_SHARED(oracle, "oracles/tokenizer/gpt2.jsonl");
    const auto tokenizer = load_tokenizer(vocabulary);
    EXPECT_EQ(tokenizer->vocabulary_size(), 50257);
    std::ifstream lines(oracle);
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        const auto expected = nlohmann::json::parse(line);
        const std::string text = expected.at("text");
        ASSERT_EQ(tokenizer->encode_for_model(text, 1 << 30), expected.at("ids").get<std::vector<TokenId>>()) << text;
    }
    EXPECT_GT(count, 800);
    EXPECT_EQ(tokenizer->encode_for_model("a<|endoftext|>b", 100), (std::vector<TokenId>{64, 50256, 65}));
    EXPECT_EQ(tokenizer->encode_for_model("a<|endoftext|>b", 2), (std::vector<TokenId>{64, 50256}));
    EXPECT_TRUE(tokenizer->encode_for_model("", 100).empty());
}

TEST(Gpt2Words, are_cut_as_the_pattern_says) {
    using testing::ElementsAre;
    EXPECT_THAT(words_of("I don't, we'll  see\t\n x's"),
                ElementsAre("I", " don", "'t", ",", " we", "'ll", " ", " see", "\t\n", " x", "'s"));
    EXPECT_THAT(words_of("a\tb \t c  "), ElementsAre("a", "\t", "b", " \t", " c", "  "));
    EXPECT_THAT(words_of("12ab½ 3!?中文 。\xC2\xA0x"), ElementsAre("12", "ab", "½", " 3", "!?", "中文", " 。", "\xC2\xA0", "x"));
    EXPECT_THAT(words_of(" 'S 's"), ElementsAre(" '", "S", " '", "s"));
    EXPECT_THAT(words_of(" "), ElementsAre(" "));
    EXPECT_THAT(words_of(""), ElementsAre());
}

std::string spelled(unsigned char byte) {
    std::string text;
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    if (printable) return append_utf8(byte, text), text;
    int before = 0;
    for (int other = 0; other < byte; ++other)
        before += !((other >= '!' && other <= '~') || (other >= 0xA1 && other <= 0xAC) || other >= 0xAE);
    append_utf8(static_cast<char32_t>(0x100 + before), text);
    return text;
}

std::vector<std::string> byte_pieces() {
    std::vector<std::string> pieces;
    for (int byte = 0; byte < 256; ++byte) pieces.push_back(spelled(static_cast<unsigned char>(byte)));
    return pieces;
}

ByteLevelBpeSettings settings_of(const std::vector<std::string>& pieces, const MergeList& merges) {
    ByteLevelBpeSettings settings;
    settings.pieces = Vocabulary(pieces);
    settings.merges = merges;
    return settings;
}

// The definition: of all neighbours the pair with the lowest rank, the leftmost of these, is joined.
std::vector<std::string> merge_plainly(std::vector<std::string> symbols,
                                       const std::map<std::pair<std::string, std::string>, std::size_t>& ranks) {
    for (;;) {
        std::size_t best = ranks.size(), place = 0;
        for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
            if (const auto found = ranks.find({symbols[i], symbols[i + 1]}); found != ranks.end() && found->second < best)
                best = found->second, place = i;
        if (best == ranks.size()) return symbols;
        symbols[place] += symbols[place + 1];
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    }
}

TEST(ByteLevelBpe, joins_what_the_plain_way_joins) {
    std::mt19937 random(4);
    auto pieces = byte_pieces();
    MergeList merges;
    std::map<std::pair<std::string, std::string>, std::size_t> ranks;
    std::vector<std::string> known = {"a", "b", "c", "bb"};
    // Of a row of the same character the leftmost two are joined first.
    merges.emplace_back("b", "b");
    ranks.emplace(merges.front(), 0);
    pieces.push_back("bb");
    while (merges.size() < 60) {  // random merges of what is there, in a random order of usefulness
        const auto &left = known[random() % known.size()], &right = known[random() % known.size()];
        if (left.size() + right.size() > 9 || !ranks.emplace(std::pair(left, right), merges.size()).second) continue;
        merges.emplace_back(left, right);
        const auto joined = left + right;
        if (std::ranges::find(known, joined) == known.end()) known.push_back(joined), pieces.push_back(joined);
    }
    const ByteLevelBpe tokenizer(settings_of(pieces, merges));
    for (int round = 0; round < 3000; ++round) {
        std::string word;
        std::vector<std::string> symbols;
        for (unsigned left = 1 + random() % (round % 2 ? 60 : 300); left > 0; --left)
            symbols.emplace_back(1, static_cast<char>('a' + random() % 3)), word += symbols.back();
        std::vector<TokenId> ids;
        tokenizer.encode(word, ids);
        std::vector<std::string> got;
        for (const auto id : ids) got.push_back(tokenizer.token(id));
        ASSERT_EQ(got, merge_plainly(symbols, ranks)) << word;
    }
}

std::vector<TokenId> ids_of(const Tokenizer& tokenizer, std::string_view text) {
    std::vector<TokenId> ids;
    tokenizer.encode(text, ids);
    return ids;
}

TEST(ByteLevelBpe, a_word_seen_before_gives_the_same_ids_in_every_tokenizer) {
    auto pieces = byte_pieces();
    pieces.push_back("ab");
    const ByteLevelBpe plain(settings_of(pieces, {})), merging(settings_of(pieces, {{"a", "b"}}));
    for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(ids_of(plain, "abab"), (std::vector<TokenId>{'a', 'b', 'a', 'b'}));
        EXPECT_EQ(ids_of(merging, "abab"), (std::vector<TokenId>{256, 256}));
        EXPECT_EQ(ids_of(merging, std::string(40, 'a') + "b"), [] {
            std::vector<TokenId> ids(39, 'a');
            ids.push_back(256);
            return ids;
        }());
    }
}

TEST(ByteLevelBpe, what_has_no_piece_is_dropped_or_unknown) {
    auto settings = settings_of({"<unk>", "a", "b", "ab"}, {{"a", "b"}});
    EXPECT_EQ(ids_of(ByteLevelBpe(settings), "axxb"), (std::vector<TokenId>{3}));
    settings.unknown = "<unk>";
    EXPECT_EQ(ids_of(ByteLevelBpe(settings), "axxb"), (std::vector<TokenId>{1, 0, 0, 2}));
    settings.fuse_unknown = true;
    EXPECT_EQ(ids_of(ByteLevelBpe(settings), "axxb"), (std::vector<TokenId>{1, 0, 2}));
    settings.unknown = "absent";
    EXPECT_THROW(ByteLevelBpe{settings}, base::Error);
}

TEST(ByteLevelBpe, bytes_that_are_no_text_become_replacement_characters) {
    const ByteLevelBpe tokenizer(settings_of(byte_pieces(), {}));
    std::vector<TokenId> broken, replaced;
    tokenizer.encode("a\xFF" "b", broken);
    tokenizer.encode("a\xEF\xBF\xBD" "b", replaced);
    EXPECT_EQ(broken, replaced);
    EXPECT_EQ(replaced, (std::vector<TokenId>{'a', 0xEF, 0xBF, 0xBD, 'b'}));
}

TEST(ByteLevelBpe, files_that_are_no_such_tokenizer_are_refused) {
    nlohmann::json vocabulary;
    for (const auto& piece : byte_pieces()) vocabulary[piece] = vocabulary.size();
    vocabulary["ab"] = 256;
    const auto refusal = [&](const nlohmann::json& json, const std::string& merges) -> std::string {
        const TemporaryFolder folder;
        base::write_file_atomically(folder.path() / "vocab.json", json.dump());
        base::write_file_atomically(folder.path() / "merges.txt", merges);
        return refusal_of(folder.path());
    };
    EXPECT_EQ(refusal(vocabulary, "#version: 0.2\na b\n\n"), "nothing was refused");
    EXPECT_EQ(refusal(vocabulary, "a b\r\n"), "nothing was refused");
    for (const auto* merges : {"a b\nab\n", "a b\na  b\n", "a b\n a\n", "a b\na b c\n"})
        EXPECT_THAT(refusal(vocabulary, merges), testing::HasSubstr("line 2"));
    EXPECT_THAT(refusal(vocabulary, "b a\n"), testing::HasSubstr("\"ba\""));
    EXPECT_THAT(refusal(nlohmann::json::array(), ""), testing::HasSubstr("vocab.json"));
    EXPECT_THAT(refusal({{"a", 0}}, ""), testing::HasSubstr("byte 0"));
    for (const nlohmann::json& id :
         {nlohmann::json(-1), nlohmann::json(300), nlohmann::json(0), nlohmann::json("x"), nlohmann::json(1.5)}) {
        auto wrong = vocabulary;
        wrong["ab"] = id;
        EXPECT_THAT(refusal(wrong, ""), testing::HasSubstr("each once"));
    }
    {
        const TemporaryFolder folder;
        base::write_file_atomically(folder.path() / "vocab.json", vocabulary.dump());
        EXPECT_THAT(refusal_of(folder.path()), testing::HasSubstr("merges.txt is missing"));
    }
}

}  // namespace
}  // namespace kohort::text

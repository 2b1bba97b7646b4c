#include "text/wordpiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "random_text.h"
#include "refusal.h"
#include "shared_data.h"
#include "temporary_folder.h"
#include "text/tokenizer.h"

namespace kohort::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t unlimited = std::int64_t{1} << 40;

std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text) {
    std::vector<TokenId> ids;
    tokenizer.encode(text, ids);
    return ids;
}

void agree_with_oracle(const std::filesystem::path& vocabulary, const std::filesystem::path& oracle) {
    const auto tokenizer = load_tokenizer(vocabulary);
    std::ifstream lines(oracle);
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        const auto expected = nlohmann::json::parse(line);
        const std::string text = expected.at("text");
        ASSERT_EQ(tokenizer->encode_for_model(text, unlimited), expected.at("ids").get<std::vector<TokenId>>()) << text;
    }
    EXPECT_GT(count, 1000);
}

TEST(WordPiece, gives_hugging_faces_ids_on_chinese) {
    KOHORT_NEED_SHARED(vocabulary, "data/vocab_bert_base_chinese");
    KOHORT_NEED_SHARED(oracle, "oracles/tokenizer/bert-base-chinese.jsonl");
    agree_with_oracle(vocabulary, oracle);
}

TEST(WordPiece, gives_hugging_faces_ids_on_english) {
    KOHORT_NEED_SHARED(vocabulary, "data/vocab_bert_base_uncased");
    KOHORT_NEED_SHARED(oracle, "oracles/tokenizer/bert-base-uncased.jsonl");
    agree_with_oracle(vocabulary, oracle);
}

TEST(WordPiece, gives_the_known_ids_of_pairs_and_odd_words) {
    KOHORT_NEED_SHARED(vocabulary, "data/vocab_bert_base_uncased");
    const auto bert = load_tokenizer(vocabulary / "vocab.txt");
    EXPECT_THAT(bert->encode_for_model("My name is John", 64), ElementsAre(101, 2026, 2171, 2003, 2198, 102));
    EXPECT_THAT(bert->encode_pair_for_model("My name is John", "pair", 64),
                ElementsAre(101, 2026, 2171, 2003, 2198, 102, 3940, 102));
    EXPECT_THAT(bert->encode_pair_for_model("My name is John", "pair", 6), ElementsAre(101, 2026, 2171, 102, 3940, 102));
    // 100 characters are a word, 101 are not; characters are counted, not bytes.
    EXPECT_GT(encode(*bert, std::string(100, 'a')).size(), 1u);
    EXPECT_THAT(encode(*bert, std::string(101, 'a')), ElementsAre(100));
    std::string cyrillic;
    for (int i = 0; i < 100; ++i) cyrillic += "и";
    EXPECT_GT(encode(*bert, cyrillic).size(), 1u);
    EXPECT_THAT(encode(*bert, cyrillic + "и"), ElementsAre(100));
    EXPECT_EQ(encode(*bert, "Kantō lǜshi"), encode(*bert, "kanto lushi"));
    EXPECT_THAT(encode(*bert, "a[MASK]b"), ElementsAre(1037, 103, 1038));
}

// A small vocabulary with every kind of trap in it.
Vocabulary small_vocabulary() {
    return Vocabulary({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "##affab", "the", "##ing", "run", "##n",
                       "手", "机", "a", "##a", "##aa", "b", "##b", "aab", "!", ",", "#", "[", "]", "sep", "mask", "é", "##é", "α", "##α",
                       "ᄀ", "##ᅡ", "##ᆨ", "##ᄀ", "i", "ing", "##i", "##g", "A", "Ab", "##B", "《", "##e", "e", "##h", "h"});
}

TEST(WordPiece, cuts_longest_first_and_gives_up_on_the_whole_word) {
    const WordPiece tokenizer(bert_settings(small_vocabulary(), {}));
    const auto id = [&](const char* token) { return small_vocabulary().id(token); };
    EXPECT_THAT(encode(tokenizer, "unaffable"), ElementsAre(1));  // "##affab" is longer than "##aff", and "le" is no piece
    EXPECT_THAT(encode(tokenizer, "UNaff, running!"),
                ElementsAre(id("un"), id("##aff"), id(","), id("run"), id("##n"), id("##ing"), id("!")));
    EXPECT_THAT(encode(tokenizer, "手机a手"), ElementsAre(id("手"), id("机"), id("a"), id("手")));
    EXPECT_THAT(encode(tokenizer, "x"), ElementsAre(1));
    EXPECT_THAT(encode(tokenizer, "##able"), ElementsAre(id("#"), id("#"), 1));
    EXPECT_THAT(encode(tokenizer, ""), ElementsAre());
    EXPECT_THAT(encode(tokenizer, "\xE6\x89"), ElementsAre());
}

// The definition, without added tokens: what the fast path must equal.
std::vector<TokenId> naive(std::string_view text, const WordPieceSettings& settings) {
    std::vector<TokenId> ids;
    for (const auto& word : split_words(normalize(text, settings.normalizer))) {
        const auto cut = cut_word(to_utf8(word), settings);
        ids.insert(ids.end(), cut.begin(), cut.end());
    }
    return ids;
}

TEST(WordPiece, equals_the_definition_on_random_texts) {
    RandomText random(5);
    for (int set = 0; set < 4; ++set) {
        WordPieceSettings settings = bert_settings(small_vocabulary(), {.strip_accents = (set & 1) != 0, .lowercase = (set & 2) != 0});
        settings.added.clear();
        const WordPiece tokenizer(settings);
        for (int i = 0; i < 5000; ++i) {
            const std::string text = random.next();
            ASSERT_EQ(encode(tokenizer, text), naive(text, settings)) << testing::PrintToString(text);
        }
    }
}

TEST(WordPiece, a_cut_text_is_the_beginning_of_the_whole) {
    const WordPiece tokenizer(bert_settings(small_vocabulary(), {}));
    RandomText random(6);
    for (int i = 0; i < 1000; ++i) {
        const std::string text = random.next();
        const auto whole = tokenizer.encode_for_model(text, unlimited);
        for (const std::int64_t most : {2, 3, 5, 9}) {
            const auto cut = tokenizer.encode_for_model(text, most);
            ASSERT_EQ(static_cast<std::int64_t>(cut.size()), std::min<std::int64_t>(most, static_cast<std::int64_t>(whole.size())));
            ASSERT_TRUE(std::equal(cut.begin(), cut.end() - 1, whole.begin()));
            ASSERT_EQ(cut.back(), tokenizer.special().separate);
        }
    }
    EXPECT_THROW(tokenizer.encode_for_model("a", 1), base::Error);
}

TEST(WordPiece, saved_files_make_the_same_tokenizer_again) {
    const TemporaryFolder folder;
    RandomText random(7);
    for (const bool lowercase : {true, false}) {
        WordPieceSettings settings = bert_settings(small_vocabulary(), {.lowercase = lowercase});
        settings.added.push_back({.id = 48, .content = "Run", .normalized = true, .special = false});
        const WordPiece first(settings);
        first.save(folder.path() / "one", 128);
        const auto second = load_tokenizer(folder.path() / "one");
        second->save(folder.path() / "two", 128);
        for (const char* name : {"vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"})
            EXPECT_EQ(base::read_file(folder.path() / "one" / name), base::read_file(folder.path() / "two" / name)) << name;
        EXPECT_EQ(second->vocabulary_size(), 49);
        EXPECT_EQ(second->token(48), "Run");
        EXPECT_EQ(second->special().mask, 4);
        for (int i = 0; i < 2000; ++i) {
            const std::string text = random.next() + "run";
            ASSERT_EQ(second->encode_for_model(text, unlimited), first.encode_for_model(text, unlimited)) << testing::PrintToString(text);
        }
        EXPECT_THAT(encode(*second, lowercase ? "RUN手" : "Run手"), ElementsAre(48, 13));
    }
}

TEST(WordPiece, vocab_txt_alone_means_lowercase_and_the_option_overrides) {
    const TemporaryFolder folder;
    std::string lines;
    const Vocabulary vocabulary = small_vocabulary();
    for (const std::string& token : vocabulary.tokens()) lines += token + "\r\n";
    base::write_file_atomically(folder.path() / "vocab.txt", lines);
    const auto a = small_vocabulary().id("a"), capital = small_vocabulary().id("A");
    EXPECT_THAT(encode(*load_tokenizer(folder.path()), "A"), ElementsAre(a));
    EXPECT_THAT(encode(*load_tokenizer(folder.path(), false), "A"), ElementsAre(capital));
    base::write_file_atomically(folder.path() / "tokenizer_config.json", R"({"do_lower_case": false})");
    EXPECT_THAT(encode(*load_tokenizer(folder.path()), "A"), ElementsAre(capital));
    EXPECT_THAT(encode(*load_tokenizer(folder.path() / "vocab.txt", true), "A"), ElementsAre(a));
}

TEST(WordPiece, refuses_what_is_no_tokenizer_and_says_what_it_found) {
    const TemporaryFolder folder;
    const auto file = folder.path() / "tokenizer.json";
    EXPECT_THAT(refusal_of(folder.path() / "absent"), HasSubstr("does not exist"));
    EXPECT_THAT(refusal_of(folder.path()), HasSubstr("neither tokenizer.json nor vocab.txt"));
    base::write_file_atomically(folder.path() / "model.bin", "x");
    EXPECT_THAT(refusal_of(folder.path() / "model.bin"), HasSubstr("no tokenizer that Kohort knows"));
    base::write_file_atomically(file, "{\"model\":");
    EXPECT_THAT(refusal_of(file), HasSubstr("tokenizer.json"));
    base::write_file_atomically(file, R"({"model":{"type":"WordLevel","vocab":{}}})");
    EXPECT_THAT(refusal_of(file), HasSubstr("'WordLevel'"));
    base::write_file_atomically(file, R"({"model":{"type":"WordPiece","vocab":{"[UNK]":99999999}},"pre_tokenizer":{"type":"BertPreTokenizer"}})");
    EXPECT_THAT(refusal_of(file), HasSubstr("99999999"));
    base::write_file_atomically(file, R"({"model":{"type":"WordPiece","vocab":{"a":0}},"pre_tokenizer":{"type":"BertPreTokenizer"}})");
    EXPECT_THAT(refusal_of(file), HasSubstr("[UNK]"));
    base::write_file_atomically(file, R"({"model":{"type":"WordPiece","vocab":{"[UNK]":0}},"pre_tokenizer":{"type":"Metaspace"}})");
    EXPECT_THAT(refusal_of(file), HasSubstr("'Metaspace'"));
    base::write_file_atomically(folder.path() / "vocab.txt", "[UNK]\na\n");
    EXPECT_THAT(refusal_of(folder.path() / "vocab.txt"), HasSubstr("[CLS]"));
    base::write_file_atomically(folder.path() / "vocab.txt", "\xFF\xFE");
    EXPECT_THAT(refusal_of(folder.path() / "vocab.txt"), HasSubstr("not UTF-8"));
}

}  // namespace
}  // namespace kohort::text

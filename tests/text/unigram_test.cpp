// Unigram: Viterbi against all ways to cut, and T5's ids.
#include "text/unigram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "base/error.h"
#include "shared_data.h"
#include "text/serde_json.h"
#include "text/unigram_tokenizer.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

using testing::ElementsAre;

TEST(Unigram, gives_hugging_faces_ids) {
    KOHORT_NEED_SHARED(vocabulary, "data/vocab_t5_small");
    KOHORT_NEED_SHARED(oracle, "oracles/tokenizer/t5-small.jsonl");
    const auto tokenizer = load_tokenizer(vocabulary);
    EXPECT_EQ(tokenizer->vocabulary_size(), 32100);
    std::ifstream lines(oracle);
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        const auto expected = nlohmann::json::parse(line);
        const std::string text = expected.at("text");
        ASSERT_EQ(tokenizer->encode_for_model(text, 1 << 30), expected.at("ids").get<std::vector<TokenId>>()) << text;
    }
    EXPECT_GT(count, 1000);
    // Of Hugging Face's tokenizers 0.19.1. The hyphens can be cut in ways that differ only by rounding.
    EXPECT_THAT(tokenizer->encode_for_model("a<extra_id_0> b", 9), ElementsAre(3, 9, 32099, 3, 115, 1));
    EXPECT_THAT(tokenizer->encode_pair_for_model("Hello", "world", 9), ElementsAre(8774, 1, 296, 1));
    std::vector<TokenId> hyphens(20, 14817);
    hyphens.front() = 3, hyphens[3] = 18, hyphens.push_back(1);
    EXPECT_EQ(tokenizer->encode_for_model(std::string(55, '-'), 99), hyphens);
    EXPECT_EQ(tokenizer->special().separate, 1);
    EXPECT_EQ(tokenizer->special().pad, 0);
}

using Pieces = std::map<std::string, double>;

struct Step {
    double sum;  // so far
    std::size_t length;
    auto operator<=>(const Step&) const = default;
};

// The best of all ways, from the definition: the largest sum, rounded after each piece; of equal ones the one with the
// longest last piece; of these the one whose beginning is the best in the same sense.
template <class Sum>
std::vector<std::string> best_way(const std::u32string& text, const Pieces& scores, double unknown) {
    std::vector<Step> best;  // the last piece first
    std::vector<std::string> best_pieces;
    const std::function<void(std::size_t, Sum, std::vector<Step>, std::vector<std::string>)> go_on =
        [&](std::size_t at, Sum sum, const std::vector<Step>& steps, const std::vector<std::string>& pieces) {
            if (at == text.size() && (best.empty() || steps > best)) best = steps, best_pieces = pieces;
            for (std::size_t length = 1; at + length <= text.size(); ++length) {
                const auto piece = to_utf8(text.substr(at, length));
                const auto known = scores.find(piece);
                if (known == scores.end() && length > 1) continue;
                const auto next =
                    static_cast<Sum>(known == scores.end() ? sum + static_cast<Sum>(unknown) : sum + known->second);
                auto more_steps = steps;
                auto more_pieces = pieces;
                more_steps.insert(more_steps.begin(), Step{next, piece.size()});
                more_pieces.push_back(piece);
                go_on(at + length, next, more_steps, more_pieces);
            }
        };
    go_on(0, 0, {}, {});
    return best_pieces;
}

template <class Sum>
void compare_with_all_ways(UnigramModel::Sums sums, unsigned different_scores, double unit) {
    std::mt19937 random(11);
    const std::u32string letters = U"ab中é😀x";  // x is no piece
    for (int round = 0; round < 60; ++round) {
        Pieces scores;
        for (int i = 0; i < 25; ++i) {
            std::u32string piece;
            for (unsigned left = 1 + random() % 4; left > 0; --left) piece += letters[random() % 5];
            scores[to_utf8(piece)] = -unit * (random() % different_scores);
        }
        std::vector<UnigramPiece> pieces;
        for (const auto& [text, score] : scores) pieces.push_back({text, static_cast<TokenId>(pieces.size()), score});
        const UnigramModel model(pieces, -16, sums);
        for (int line = 0; line < 40; ++line) {
            std::u32string text;
            for (unsigned left = random() % 11; left > 0; --left) text += letters[random() % letters.size()];
            const auto utf8 = to_utf8(text);
            std::vector<UnigramModel::Span> spans;
            model.cut(utf8, spans);
            std::vector<std::string> got;
            for (const auto& span : spans) {
                got.push_back(utf8.substr(span.begin, span.end - span.begin));
                ASSERT_EQ(span.id, model.find(got.back()));
            }
            ASSERT_EQ(got, best_way<Sum>(text, scores, -16)) << utf8;
        }
    }
}

// In float32 sums must be exact here: the library compares one that is rounded with one that is not yet.
TEST(Unigram, takes_the_best_of_all_ways_to_cut) {
    compare_with_all_ways<double>(UnigramModel::Sums::float64, 100000, 1 / 7777.0);
    compare_with_all_ways<float>(UnigramModel::Sums::float32, 100000, 1 / 8192.0);
}

TEST(Unigram, of_equally_good_ways_takes_the_one_with_the_longest_last_piece) {
    compare_with_all_ways<double>(UnigramModel::Sums::float64, 6, 1);
    compare_with_all_ways<float>(UnigramModel::Sums::float32, 6, 1);
}

UnigramSettings small_settings() {
    UnigramSettings settings;
    settings.pieces = {{"<unk>", 0}, {"▁", -2}, {"a", -3}, {"b", -3}, {"▁a", -4}, {"ab", -4}, {"▁ab", -9}};
    settings.unknown = 0;
    return settings;
}

std::vector<TokenId> ids_of(const UnigramSettings& settings, std::string_view text) {
    return UnigramTokenizer(settings).encode_for_model(text, 1000);
}

TEST(UnigramTokenizer, puts_a_mark_before_words_as_the_scheme_says) {
    auto settings = small_settings();
    EXPECT_THAT(ids_of(settings, "ab  a"), ElementsAre(1, 5, 1, 4));
    EXPECT_THAT(ids_of(settings, " a▁b"), ElementsAre(4, 1, 3));
    EXPECT_THAT(ids_of(settings, ""), ElementsAre());
    settings.metaspace.prepend = Metaspace::Prepend::never;
    EXPECT_THAT(ids_of(settings, "ab a"), ElementsAre(5, 4));
    settings.pipeline.added = {{.id = 7, .content = "<x>"}};
    EXPECT_THAT(ids_of(settings, "a<x>a"), ElementsAre(2, 7, 2));
    settings.metaspace.prepend = Metaspace::Prepend::first;
    EXPECT_THAT(ids_of(settings, "a<x>a"), ElementsAre(4, 7, 2));
    EXPECT_THAT(ids_of(settings, "<x>a a"), ElementsAre(7, 2, 4));
    settings.split_white_space = true;
    EXPECT_THAT(ids_of(settings, "\ta\xE3\x80\x80 b\n"), ElementsAre(2, 3));
    settings.has_metaspace = false;
    EXPECT_THAT(ids_of(settings, "a ab"), ElementsAre(2, 5));
}

TEST(UnigramTokenizer, a_row_of_unknown_characters_is_one_token_or_its_bytes) {
    auto settings = small_settings();
    EXPECT_THAT(ids_of(settings, "axyb中"), ElementsAre(4, 0, 3, 0));
    EXPECT_THAT(ids_of(settings, "x<unk>y"), ElementsAre(1, 0));
    for (unsigned byte = 0; byte < 256; ++byte) settings.pieces.emplace_back(byte_piece(byte), -20.0);
    settings.byte_fallback = true;
    EXPECT_THAT(ids_of(settings, "aé"), ElementsAre(4, 7 + 0xC3, 7 + 0xA9));
    settings.pieces.pop_back();  // the byte 0xFF is in no text
    EXPECT_THAT(ids_of(settings, "aé"), ElementsAre(4, 7 + 0xC3, 7 + 0xA9));
    settings.pieces.erase(settings.pieces.begin() + 7 + 0xA9);
    EXPECT_THAT(ids_of(settings, "aé"), ElementsAre(4, 0));
}

TEST(UnigramTokenizer, a_cut_text_is_the_beginning_of_the_whole) {
    const UnigramTokenizer tokenizer(small_settings());
    const auto whole = tokenizer.encode_for_model("ab a ab b x a", 100);
    for (std::size_t most = 0; most <= whole.size(); ++most)
        EXPECT_EQ(tokenizer.encode_for_model("ab a ab b x a", static_cast<std::int64_t>(most)),
                  std::vector<TokenId>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(most)));
}

TEST(UnigramTokenizer, pieces_that_cannot_be_are_refused) {
    for (const auto& wrong : {std::pair<std::string, double>{"a", -1}, {"", -1}, {"c", -INFINITY}, {"c", NAN}}) {
        auto settings = small_settings();
        settings.pieces.push_back(wrong);
        EXPECT_THROW(UnigramTokenizer{settings}, base::Error) << wrong.first;
    }
    for (const TokenId unknown : {-1, 7}) {
        auto settings = small_settings();
        settings.unknown = unknown;
        EXPECT_THROW(UnigramTokenizer{settings}, base::Error);
    }
}

// By hand from the rule: digits as an integer, rounded to float64, then divided by the power of ten.
TEST(SerdeJson, rounds_digits_and_power_one_after_the_other) {
    EXPECT_EQ(serde_float64("-2.5"), -2.5);
    EXPECT_EQ(serde_float64("0.1"), 0.1);
    EXPECT_EQ(serde_float64("1e3"), 1000);
    EXPECT_EQ(serde_float64("12.5E-1"), 1.25);
    EXPECT_EQ(serde_float64("1.5e+2"), 150);
    EXPECT_EQ(serde_float64("-2.0122928619384766"), -20122928619384766.0 / 1e16);
    EXPECT_EQ(serde_float64("0.30000000000000004999999"), 3000000000000000499.0 / 1e19);  // more digits do not fit
    EXPECT_EQ(serde_float64("123456789012345678901234.5"), 12345678901234567890.0 * 1e4);
    EXPECT_EQ(serde_float64("1e-320"), 1 / 1e308 / 1e12);
    EXPECT_TRUE(std::isinf(serde_float64("1e999999999999")));
    EXPECT_EQ(serde_float64("1e-999999999999"), 0);
    EXPECT_EQ(parse_as_serde(R"({"a": [1, -2, 2.5, "x", null, true, {"b": []}], "a2": {}})"),
              nlohmann::json::parse(R"({"a": [1, -2, 2.5, "x", null, true, {"b": []}], "a2": {}})"));
    for (const char* text : {"", "{", "[1,]", "{\"a\" 1}", "nan"}) EXPECT_THROW(parse_as_serde(text), base::Error) << text;
}

}  // namespace
}  // namespace kohort::text

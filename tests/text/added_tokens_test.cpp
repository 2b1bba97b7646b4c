#include "text/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kohort::text {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::vector<std::pair<std::string, TokenId>> split(const AddedTokenFinder& finder, std::string_view text) {
    std::vector<std::pair<std::string, TokenId>> pieces;
    finder.split(text, [&](std::string_view piece, TokenId id) {
        pieces.emplace_back(piece, id);
        return true;
    });
    return pieces;
}

TEST(AddedTokens, finds_the_leftmost_and_then_the_longest) {
    const AddedTokenFinder finder({{.id = 1, .content = "[A]"}, {.id = 2, .content = "[A][B]"}, {.id = 3, .content = "x"}});
    EXPECT_THAT(split(finder, "a[A][B]b[A]x[A"),
                ElementsAre(Pair("a", -1), Pair("[A][B]", 2), Pair("b", -1), Pair("[A]", 1), Pair("x", 3), Pair("[A", -1)));
    EXPECT_THAT(split(finder, ""), ElementsAre());
}

TEST(AddedTokens, takes_white_space_only_where_it_says_so) {
    const AddedTokenFinder finder({{.id = 1, .content = "<m>", .lstrip = true}, {.id = 2, .content = "<r>", .rstrip = true}});
    EXPECT_THAT(split(finder, "a \u3000<m> b"), ElementsAre(Pair("a", -1), Pair(" \u3000<m>", 1), Pair(" b", -1)));
    EXPECT_THAT(split(finder, "a <r> \tb"), ElementsAre(Pair("a ", -1), Pair("<r> \t", 2), Pair("b", -1)));
    // White space that one token has taken is not taken again.
    EXPECT_THAT(split(finder, "<r> <m>"), ElementsAre(Pair("<r> ", 2), Pair("<m>", 1)));
}

// As find_matches in added_vocabulary.rs: the search goes on behind a token's text, not behind the white space that it takes.
TEST(AddedTokens, white_space_that_was_taken_may_begin_another_token) {
    AddedToken taker{.id = 1, .content = "<r>", .rstrip = true};
    const std::vector<AddedToken> others{
        {.id = 2, .content = " b"}, {.id = 3, .content = "\t"}, {.id = 4, .content = "\n", .lstrip = true}};
    const auto with = [&](const AddedToken& first) {
        auto all = others;
        all.push_back(first);
        return AddedTokenFinder(all);
    };
    EXPECT_THAT(split(with(taker), "<r> b c"), ElementsAre(Pair("<r> ", 1), Pair(" b", 2), Pair(" c", -1)));
    EXPECT_THAT(split(with(taker), "<r>\t\tx"), ElementsAre(Pair("<r>\t\t", 1), Pair("\t", 3), Pair("\t", 3), Pair("x", -1)));
    EXPECT_THAT(split(with(taker), "<r>\n x"), ElementsAre(Pair("<r>\n ", 1), Pair("", 4), Pair(" x", -1)));
    taker.strips_as_python = true;
    EXPECT_THAT(split(with(taker), "<r> b c"), ElementsAre(Pair("<r> ", 1), Pair("b c", -1)));
}

TEST(AddedTokens, a_single_word_is_not_found_inside_another) {
    const AddedTokenFinder finder({{.id = 1, .content = "an", .single_word = true}});
    EXPECT_THAT(split(finder, "an ant, étan, an"), ElementsAre(Pair("an", 1), Pair(" ant, étan, ", -1), Pair("an", 1)));
    for (const char* beside : {"Ⓐ", "🅰", "_", "\u0301", "٣"})
        EXPECT_THAT(split(finder, std::string(beside) + "an"), ElementsAre(Pair(testing::_, -1)));
    for (const char* beside : {"😀", "½", "·"})
        EXPECT_THAT(split(finder, std::string(beside) + "an"), ElementsAre(Pair(beside, -1), Pair("an", 1)));
}

TEST(AddedTokens, stops_when_told) {
    const AddedTokenFinder finder({{.id = 1, .content = "|"}});
    int seen = 0;
    finder.split("a|b|c", [&](std::string_view, TokenId) { return ++seen < 2; });
    EXPECT_EQ(seen, 2);
}

}  // namespace
}  // namespace kohort::text

#include "text/precompiled_charsmap.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "charsmap_builder.h"
#include "random_text.h"
#include "text/grapheme.h"

namespace kohort::text {
namespace {

std::string normalized(const PrecompiledCharsmap& map, std::string text) {
    map.normalize_graphemes(text);
    return text;
}

TEST(PrecompiledCharsmap, finds_the_longest_and_the_shortest_rule) {
    const PrecompiledCharsmap map(charsmap_bytes({{"a", "1"}, {"abc", "3"}, {"é", ""}}));
    EXPECT_EQ(map.longest("abcd")->replacement, "3");
    EXPECT_EQ(map.longest("abcd")->length, 3u);
    EXPECT_EQ(map.shortest("abcd")->replacement, "1");
    EXPECT_EQ(map.longest("abd")->length, 1u);
    EXPECT_EQ(map.longest("é")->replacement, "");
    EXPECT_FALSE(map.longest("b"));
    EXPECT_FALSE(map.longest(""));
    EXPECT_FALSE(map.longest(std::string_view("\0a", 2)));
    EXPECT_FALSE(PrecompiledCharsmap("").longest("a"));
}

// What Hugging Face's normaliser does with clusters of several characters.
TEST(PrecompiledCharsmap, a_short_cluster_is_replaced_as_a_whole_and_a_long_one_character_by_character) {
    const PrecompiledCharsmap map(charsmap_bytes(
        {{"e", "E"}, {"e\u0301", "?"}, {"\r", " "}, {"\n", " "}, {"か", "ka"}, {"\u0301", "!"}}));
    EXPECT_EQ(normalized(map, "xex"), "xEx");
    EXPECT_EQ(normalized(map, "e\u0301x"), "Ex");                       // 3 bytes: the accent goes
    EXPECT_EQ(normalized(map, "e\u0301\u0302x"), "Ex");                 // 5 bytes
    EXPECT_EQ(normalized(map, "e\u0301\u0302\u0301x"), "E!\u0302!x");   // 7 bytes
    EXPECT_EQ(normalized(map, "a\u0301"), "a!");                        // no rule for what it begins with
    EXPECT_EQ(normalized(map, "か\u3099"), "ka\u3099");                 // 6 bytes
    EXPECT_EQ(normalized(map, "\r\na\n\r"), " a  ");                    // CR LF is one cluster
    EXPECT_EQ(normalized(map, ""), "");
    EXPECT_EQ(normalized(map, "nothing to do 中文"), "nothing to do 中文");
}

TEST(PrecompiledCharsmap, tables_that_are_broken_are_refused) {
    const std::string whole = charsmap_bytes({{"a", "1"}, {"bc", "2"}});
    const auto size_of_array = [](std::string bytes, std::uint32_t size) {
        for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>(size >> 8 * i);
        return bytes;
    };
    EXPECT_NO_THROW(PrecompiledCharsmap{whole});
    EXPECT_THROW(PrecompiledCharsmap("abc"), base::Error);
    for (const std::uint32_t size : {0u, 3u, 6u, 0xFFFFFFFFu, static_cast<std::uint32_t>(whole.size())})
        EXPECT_THROW(PrecompiledCharsmap{size_of_array(whole, size)}, base::Error) << size;
    EXPECT_THROW(PrecompiledCharsmap{size_of_array(whole, 1024)}, base::Error);  // children beyond the end
    EXPECT_THROW(PrecompiledCharsmap{whole.substr(0, whole.size() - 1)}, base::Error);
    EXPECT_THROW(PrecompiledCharsmap{whole.substr(0, whole.size() - 3) + std::string(1, '\0')},
                 base::Error);  // a rule without a text
    auto broken = whole;
    broken[whole.size() - 2] = '\x80';
    EXPECT_THROW(PrecompiledCharsmap{broken}, base::Error);
}

TEST(PrecompiledCharsmap, flipped_bytes_are_refused_or_do_no_harm) {
    const std::string whole = charsmap_bytes({{"a", "1"}, {"bc", "2"}, {"é", "e"}, {"中", ""}});
    std::mt19937 random(3);
    RandomText texts(4);
    int refused = 0, read = 0;
    for (int round = 0; round < 4000; ++round) {
        auto bytes = whole;
        for (unsigned flips = 1 + random() % 4; flips > 0; --flips)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        try {
            const PrecompiledCharsmap map(bytes);
            EXPECT_TRUE(is_valid_utf8(normalized(map, repair_utf8(texts.next() + "abcé中"))));
            ++read;
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::usage);
            ++refused;
        }
    }
    EXPECT_GT(refused, 100);
    EXPECT_GT(read, 100);
}

TEST(PrecompiledCharsmap, base64_is_decoded_or_refused) {
    EXPECT_EQ(decode_base64("TWFu"), "Man");
    EXPECT_EQ(decode_base64("TWE="), "Ma");
    EXPECT_EQ(decode_base64("TQ=="), "M");
    EXPECT_EQ(decode_base64("+/8A"), std::string("\xFB\xFF\0", 3));
    EXPECT_EQ(decode_base64(""), "");
    for (const char* text : {"TWF", "TW?u", "TWFuT", "T=Fu", "===="}) EXPECT_THROW(decode_base64(text), base::Error) << text;
}

TEST(Grapheme, clusters_are_those_of_the_annex) {
    std::vector<std::string> clusters;
    for_each_grapheme("ab\r\n\re\u0301👩‍👧x🇩🇪🇫각",
                      [&](std::string_view cluster, std::size_t) { clusters.emplace_back(cluster); });
    EXPECT_EQ(clusters, (std::vector<std::string>{"a", "b", "\r\n", "\r", "e\u0301", "👩‍👧", "x", "🇩🇪", "🇫", "각"}));
}

}  // namespace
}  // namespace kohort::text

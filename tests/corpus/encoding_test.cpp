#include "corpus/encoding.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "corpus/ingest_runner.h"

namespace kohort::corpus {
namespace {

// "中文" in GB18030, and U+20000 (four bytes), from Python: "中文".encode("gb18030").
const std::string chinese_gb = "\xD6\xD0\xCE\xC4";
const std::string rare_gb = "\x95\x32\x82\x36";  // U+20000

TEST(Encoding, decodes_gb18030) {
    Gb18030Decoder decoder;
    std::string text;
    ASSERT_TRUE(decoder.decode(chinese_gb, text));
    EXPECT_EQ(text, "中文");
    ASSERT_TRUE(decoder.decode(rare_gb + ",x", text));
    EXPECT_EQ(text, "\U00020000,x");
    ASSERT_TRUE(decoder.decode("plain", text));
    EXPECT_EQ(text, "plain");
    ASSERT_TRUE(decoder.decode("", text));
    EXPECT_EQ(text, "");
    EXPECT_FALSE(decoder.decode("\xD6", text));      // cut in the middle
    EXPECT_FALSE(decoder.decode("\xD6 x", text));
    EXPECT_FALSE(decoder.decode("x\xFF", text));
    ASSERT_TRUE(decoder.decode(chinese_gb, text));   // an error leaves no state behind
    EXPECT_EQ(text, "中文");
}

TEST(Encoding, no_gb18030_character_holds_a_byte_that_csv_knows) {
    Gb18030Decoder decoder;
    std::string text;
    for (int lead = 0x81; lead <= 0xFE; ++lead)
        for (const char special : {',', '"', '\n', '\r', '\t', ';'}) {
            EXPECT_FALSE(decoder.decode(std::string{static_cast<char>(lead), special}, text)) << lead << special;
            EXPECT_FALSE(decoder.decode(std::string{static_cast<char>(lead), '0', static_cast<char>(0x81), special}, text));
            EXPECT_FALSE(decoder.decode(std::string{static_cast<char>(lead), '0', special, '0'}, text));
        }
}

Encoding decide(const std::vector<std::pair<std::string, int>>& records) {
    EncodingCensus census;
    for (const auto& [record, times] : records)
        for (int i = 0; i < times; ++i) census.add(record);
    return decide_encoding(census);
}

TEST(Encoding, content_decides) {
    EXPECT_EQ(decide({{"plain ascii", 100}}), Encoding::utf8);
    EXPECT_EQ(decide({{"中文", 100}}), Encoding::utf8);
    EXPECT_EQ(decide({{chinese_gb, 100}}), Encoding::gb18030);
    EXPECT_EQ(decide({{chinese_gb, 100}, {"plain", 1000}}), Encoding::gb18030);
    EXPECT_EQ(decide({{chinese_gb, 97}, {"\xFF\xFF", 3}}), Encoding::gb18030);  // with damage
}

TEST(Encoding, a_utf8_file_with_bad_records_stays_utf8) {
    EXPECT_EQ(decide({{"中文", 100}, {"\xFF\xFE", 40}}), Encoding::utf8);
    EXPECT_EQ(decide({{"中文", 100}, {chinese_gb, 40}}), Encoding::utf8);    // a mixed file: the larger part decides
    EXPECT_EQ(decide({{"plain", 1000}, {chinese_gb, 5}}), Encoding::utf8);   // below 1%
    EXPECT_EQ(decide({{"plain", 10}, {"caf\xE9 noir", 5}}), Encoding::utf8); // Latin-1 is no Chinese
    EXPECT_EQ(decide({{"plain", 10}, {"cut \xE4\xB8", 5}}), Encoding::utf8); // half a UTF-8 character neither
}

TEST(Encoding, byte_order_marks_are_known) {
    EXPECT_EQ(read_byte_order_mark("\xEF\xBB\xBFx", "f").encoding, Encoding::utf8);
    EXPECT_EQ(read_byte_order_mark("\xEF\xBB\xBFx", "f").length, 3);
    EXPECT_EQ(read_byte_order_mark("\x84\x31\x95\x33x", "f").encoding, Encoding::gb18030);
    EXPECT_EQ(read_byte_order_mark("x", "f").encoding, Encoding::automatic);
    EXPECT_THROW(read_byte_order_mark(std::string_view("\xFF\xFEx\0", 4), "f"), base::Error);
    EXPECT_EQ(parse_encoding("UTF-8"), Encoding::utf8);
    EXPECT_EQ(parse_encoding("gbk"), Encoding::gb18030);
    EXPECT_THROW(parse_encoding("latin1"), base::Error);
}

// The whole way: a table in GB18030 gives the users that the same table in UTF-8 gives, on any ranks.
TEST(Encoding, a_table_in_gb18030_gives_the_corpus_of_the_same_table_in_utf8) {
    const TestFolder folder;
    // 用户ID,浏览历史 and rows with 中文, 、 (A1 A2) and quotes
    std::string gb = "\xD3\xC3\xBB\xA7" "ID,\xE4\xAF\xC0\xC0\xC0\xFA\xCA\xB7\n", utf8 = "用户ID,浏览历史\n";
    for (int i = 0; i < 400; ++i) {
        const auto id = "u" + std::to_string(i);
        gb += id + ",\"" + chinese_gb + "\xA1\xA2" + rare_gb + "\"\"" + id + "\n" + chinese_gb + "\"\n";
        utf8 += id + ",\"中文、\U00020000\"\"" + id + "\n中文\"\n";
    }
    for (const auto wanted : {Encoding::automatic, Encoding::gb18030})
        for (const int ranks : {1, 3}) {
            const TestFolder runs;
            IngestOptions options;
            options.partitions = 3;
            options.inputs = {folder.write("utf8.csv", utf8)};
            ingest_on_ranks(ranks, runs.path() / "utf8", options);
            options.inputs = {folder.write("gb.csv", gb)};
            options.encoding = wanted;
            const auto report = ingest_on_ranks(ranks, runs.path() / "gb", options);
            EXPECT_EQ(report.encodings, std::vector<std::string>{"gb18030"});
            EXPECT_EQ(users_by_id(runs.path() / "gb"), users_by_id(runs.path() / "utf8"));
            EXPECT_EQ(users_by_id(runs.path() / "gb").size(), 400u);
        }
}

TEST(Encoding, what_is_no_gb18030_goes_to_quarantine) {
    const TestFolder folder;
    std::string gb = "user_id,text\n";
    for (int i = 0; i < 300; ++i) gb += "u" + std::to_string(i) + "," + chinese_gb + "\n";
    gb += "broken,\xD6\xFF\n";
    IngestOptions options;
    options.partitions = 3;
    options.inputs = {folder.write("gb.csv", gb)};
    const auto report = ingest_on_ranks(2, folder.path() / "run", options);
    EXPECT_EQ(report.rejected_by_reason[static_cast<std::size_t>(Reason::invalid_gb18030)], 1);
    EXPECT_EQ(report.users, 300);
}

}  // namespace
}  // namespace kohort::corpus

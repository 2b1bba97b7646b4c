#include "corpus/csv_reader.h"

#include <gtest/gtest.h>

#include <random>

namespace kohort::corpus {
namespace {

struct Parsed {
    std::vector<std::string> fields;
    std::int64_t next = 0;
    Reason reason = Reason::none;
};

Parsed parse_whole(std::string_view bytes, const CsvDialect& dialect = {}) {
    std::vector<CsvField> fields;
    const auto scan = scan_csv_record(bytes, true, dialect, &fields);
    Parsed parsed;
    parsed.next = scan.next;
    if (scan.state == ScanState::broken) {
        parsed.reason = scan.reason;
        return parsed;
    }
    EXPECT_EQ(scan.state, ScanState::complete);
    std::string buffer;
    for (const auto& field : fields) parsed.fields.emplace_back(csv_value(field, buffer));
    return parsed;
}

using Fields = std::vector<std::string>;

TEST(CsvReader, reads_what_rfc_4180_says) {  // section 2, rules 1 to 7
    EXPECT_EQ(parse_whole("aaa,bbb,ccc\r\nzzz").fields, (Fields{"aaa", "bbb", "ccc"}));
    EXPECT_EQ(parse_whole("aaa,bbb,ccc").fields, (Fields{"aaa", "bbb", "ccc"}));
    EXPECT_EQ(parse_whole("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz").fields, (Fields{"aaa", "b\r\nbb", "ccc"}));
    EXPECT_EQ(parse_whole("\"aaa\",\"b\"\"bb\",\"ccc\"").fields, (Fields{"aaa", "b\"bb", "ccc"}));
    EXPECT_EQ(parse_whole("a,b\nc").next, 4);
    EXPECT_EQ(parse_whole("a,b\r\nc").next, 5);
}

TEST(CsvReader, reads_odd_but_lawful_fields) {
    EXPECT_EQ(parse_whole(",,\n").fields, (Fields{"", "", ""}));
    EXPECT_EQ(parse_whole("\"\",\"\"\"\"\n").fields, (Fields{"", "\""}));
    EXPECT_EQ(parse_whole("a, b ,\n").fields, (Fields{"a", " b ", ""}));
    EXPECT_EQ(parse_whole("a,").fields, (Fields{"a", ""}));
    EXPECT_EQ(parse_whole("5\" disk,it\"s\"\n").fields, (Fields{"5\" disk", "it\"s\""}));  // quotes inside are bytes
    EXPECT_EQ(parse_whole("a,b\r").fields, (Fields{"a", "b"}));
    EXPECT_EQ(parse_whole("a\rb,c\n").fields, (Fields{"a\rb", "c"}));
    EXPECT_EQ(parse_whole("\"a\"\r").fields, (Fields{"a"}));
    EXPECT_EQ(parse_whole("\"x,\ny\"").fields, (Fields{"x,\ny"}));
}

TEST(CsvReader, tells_quotes_that_are_not_closed_from_stray_ones) {
    EXPECT_EQ(parse_whole("a,\"b\nc,d\n").reason, Reason::unclosed_quote);
    EXPECT_EQ(parse_whole("a,\"b").reason, Reason::unclosed_quote);
    EXPECT_EQ(parse_whole("a,\"b\"c,d\n").reason, Reason::stray_quote);
    EXPECT_EQ(parse_whole("a,\"b\" ,d\n").reason, Reason::stray_quote);
    EXPECT_EQ(parse_whole("a,\"b\nc,\"d\"\n").reason, Reason::unclosed_quote);  // the next line's quote gives it away
    EXPECT_EQ(parse_whole("a,\"b\"\rc\n").reason, Reason::stray_quote);
}

TEST(CsvReader, limits_are_exact) {
    CsvDialect dialect;
    dialect.most_field = 5;
    dialect.most_record = 13;
    EXPECT_EQ(parse_whole("12345,x\n", dialect).fields, (Fields{"12345", "x"}));
    EXPECT_EQ(parse_whole("123456,x\n", dialect).reason, Reason::field_too_long);
    EXPECT_EQ(parse_whole("12345", dialect).fields, (Fields{"12345"}));
    EXPECT_EQ(parse_whole("123456", dialect).reason, Reason::field_too_long);
    EXPECT_EQ(parse_whole("\"12345\",x\n", dialect).fields, (Fields{"12345", "x"}));
    EXPECT_EQ(parse_whole("\"123456\",x\n", dialect).reason, Reason::field_too_long);
    EXPECT_EQ(parse_whole("\"12\n456\",x\n", dialect).reason, Reason::unclosed_quote);
    EXPECT_EQ(parse_whole("1234,1234,12,3\n", dialect).fields.size(), 4u);
    EXPECT_EQ(parse_whole("1234,1234,123,3\n", dialect).reason, Reason::record_too_long);
}

TEST(CsvReader, the_default_limit_is_one_mebibyte) {
    const std::string most(1 << 20, 'x');
    EXPECT_EQ(parse_whole("a," + most + ",b\n").fields.size(), 3u);
    EXPECT_EQ(parse_whole("a," + most + "x,b\n").reason, Reason::field_too_long);
    EXPECT_EQ(parse_whole("a,\"" + most + "\",b\n").fields.size(), 3u);
    EXPECT_EQ(parse_whole("a,\"" + most + "x\",b\n").reason, Reason::field_too_long);
}

// However few bytes are at hand, the verdict is the one over all bytes, or "more".
TEST(CsvReader, a_prefix_never_gives_another_verdict) {
    std::mt19937 random(5);
    CsvDialect dialect;
    dialect.most_field = 9;
    dialect.most_record = 25;
    const std::string_view alphabet = "ab,\"\n\r";
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        for (int i = 0; i < 40; ++i) text += alphabet[random() % alphabet.size()];
        const auto whole = scan_csv_record(text, true, dialect, nullptr);
        for (std::size_t cut = 1; cut < text.size(); ++cut) {
            const auto part = scan_csv_record(std::string_view(text).substr(0, cut), false, dialect, nullptr);
            if (part.state == ScanState::truncated) continue;
            ASSERT_EQ(part.state, whole.state) << text;
            ASSERT_EQ(part.length, whole.length) << text;
            ASSERT_EQ(part.next, whole.next) << text;
            ASSERT_EQ(part.search_from, whole.search_from) << text;
            ASSERT_EQ(part.reason, whole.reason) << text;
        }
    }
}

TEST(CsvReader, reads_back_what_it_writes) {
    std::mt19937 random(7);
    const std::string_view alphabet = "ab ,\"\n\r;\t";
    for (int round = 0; round < 5'000; ++round) {
        Fields fields(1 + random() % 4);
        std::string line;
        for (std::size_t f = 0; f < fields.size(); ++f) {
            for (auto length = random() % 6; length > 0; --length) fields[f] += alphabet[random() % alphabet.size()];
            if (f > 0) line += ',';
            append_csv_field(line, fields[f]);
        }
        line += '\n';
        ASSERT_EQ(parse_whole(line + "next,record\n").fields, fields) << line;
        ASSERT_EQ(parse_whole(line + "next,record\n").next, static_cast<std::int64_t>(line.size()));
    }
}

TEST(CsvReader, guesses_the_delimiter_from_the_header) {
    EXPECT_EQ(guess_delimiter("a,b;c"), ',');
    EXPECT_EQ(guess_delimiter("a\tb"), '\t');
    EXPECT_EQ(guess_delimiter("a;b"), ';');
    EXPECT_EQ(guess_delimiter("\"a,b\";c"), ';');
    EXPECT_EQ(guess_delimiter("user"), ',');
}

}  // namespace
}  // namespace kohort::corpus

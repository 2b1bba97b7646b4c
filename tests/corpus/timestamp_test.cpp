#include "corpus/timestamp.h"

#include <gtest/gtest.h>

namespace kohort::corpus {
namespace {

// Expected values are those of `date -u -d DATE +%s`.
TEST(Timestamp, reads_epoch_numbers_of_every_unit) {
    EXPECT_EQ(parse_timestamp("1700000000"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp(" 1700000000 "), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("1700000000999"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("1700000000999999"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("1700000000999999999"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("1700000000.9"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("1.7e9"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("0"), 0);
    EXPECT_EQ(parse_timestamp("-2145916800"), -2'145'916'800);  // logs from 1902 exist
    EXPECT_EQ(parse_timestamp("-0.5"), -1);
}

TEST(Timestamp, reads_dates_with_and_without_time_and_zone) {
    EXPECT_EQ(parse_timestamp("2023-11-14"), 1'699'920'000);
    EXPECT_EQ(parse_timestamp("2023-11-14 22:13:20"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("2023-11-14T22:13:20Z"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("2023-11-14T22:13:20.123456+00:00"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("2023-11-15T06:13:20+08:00"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("2023-11-14T17:13:20-0500"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("2023/11/14 22:13"), 1'699'999'980);
    EXPECT_EQ(parse_timestamp("2023/1/2 3:04"), 1'672'628'640);
    EXPECT_EQ(parse_timestamp("2023年11月14日 22:13:20"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("2023.11.14"), 1'699'920'000);
    EXPECT_EQ(parse_timestamp("20231114"), 1'699'920'000);
    EXPECT_EQ(parse_timestamp("20231114221320"), 1'700'000'000);
    EXPECT_EQ(parse_timestamp("2024-02-29"), 1'709'164'800);
}

TEST(Timestamp, refuses_what_is_no_time) {
    for (const char* text : {"", " ", "yesterday", "2023-13-01", "2023-02-29", "2023-11-14 25:00", "2023-11-14 22:60:00",
                             "2023-11-14x", "12:30", "1700000000x", "nan", "inf", "1e300", "99999999999999999999", "--5",
                             "2023-11/14", "2023-11-14T22:13:20+8", "2023-1-", "\\N"})
        EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
}

}  // namespace
}  // namespace kohort::corpus

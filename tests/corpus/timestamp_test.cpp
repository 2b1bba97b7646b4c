#include "corpus/timestamp.h"

#include <gtest/gtest.h>

namespace kohort::corpus {
namespace {

std::optional<std::int64_t> seconds(std::string_view text) {
    const auto time = parse_timestamp(text);
    return time ? std::optional(time->seconds) : std::nullopt;
}

// Expected values are those of `date -u -d DATE +%s`.
TEST(Timestamp, reads_epoch_numbers_of_every_unit) {
    EXPECT_EQ(seconds("1700000000"), 1'700'000'000);
    EXPECT_EQ(seconds(" 1700000000 "), 1'700'000'000);
    EXPECT_EQ(seconds("1700000000999"), 1'700'000'000);
    EXPECT_EQ(seconds("1700000000999999"), 1'700'000'000);
    EXPECT_EQ(seconds("1700000000999999999"), 1'700'000'000);
    EXPECT_EQ(seconds("1700000000.9"), 1'700'000'000);
    EXPECT_EQ(seconds("1.7e9"), 1'700'000'000);
    EXPECT_EQ(seconds("0"), 0);
    EXPECT_EQ(seconds("-2145916800"), -2'145'916'800);  // logs from 1902 exist
    EXPECT_EQ(seconds("-0.5"), -1);
}

TEST(Timestamp, reads_dates_with_and_without_time_and_zone) {
    EXPECT_EQ(seconds("2023-11-14"), 1'699'920'000);
    EXPECT_EQ(seconds("2023-11-14 22:13:20"), 1'700'000'000);
    EXPECT_EQ(seconds("2023-11-14T22:13:20Z"), 1'700'000'000);
    EXPECT_EQ(seconds("2023-11-14T22:13:20.123456+00:00"), 1'700'000'000);
    EXPECT_EQ(seconds("2023-11-15T06:13:20+08:00"), 1'700'000'000);
    EXPECT_EQ(seconds("2023-11-14T17:13:20-0500"), 1'700'000'000);
    EXPECT_EQ(seconds("2023/11/14 22:13"), 1'699'999'980);
    EXPECT_EQ(seconds("2023/1/2 3:04"), 1'672'628'640);
    EXPECT_EQ(seconds("2023年11月14日 22:13:20"), 1'700'000'000);
    EXPECT_EQ(seconds("2023.11.14"), 1'699'920'000);
    EXPECT_EQ(seconds("20231114"), 1'699'920'000);
    EXPECT_EQ(seconds("20231114221320"), 1'700'000'000);
    EXPECT_EQ(seconds("2024-02-29"), 1'709'164'800);
}

TEST(Timestamp, keeps_the_part_of_a_second_to_its_nanoseconds) {
    const auto time = [](std::int64_t whole, std::int32_t nanoseconds) { return Timestamp{whole, nanoseconds}; };
    EXPECT_EQ(parse_timestamp("1700000000"), time(1'700'000'000, 0));
    EXPECT_EQ(parse_timestamp("1700000000.5"), time(1'700'000'000, 500'000'000));
    EXPECT_EQ(parse_timestamp("1700000000.123456789"), time(1'700'000'000, 123'456'789));  // a double would round it
    EXPECT_EQ(parse_timestamp("1700000000.1234567899"), time(1'700'000'000, 123'456'789));
    EXPECT_EQ(parse_timestamp("1700000000999"), time(1'700'000'000, 999'000'000));
    EXPECT_EQ(parse_timestamp("1700000000999.25"), time(1'700'000'000, 999'250'000));
    EXPECT_EQ(parse_timestamp("1700000000999999"), time(1'700'000'000, 999'999'000));
    EXPECT_EQ(parse_timestamp("1700000000999999999"), time(1'700'000'000, 999'999'999));
    EXPECT_EQ(parse_timestamp("-0.25"), time(-1, 750'000'000));
    EXPECT_EQ(parse_timestamp("-1.0"), time(-1, 0));
    EXPECT_EQ(parse_timestamp("1.7e9"), time(1'700'000'000, 0));
    EXPECT_EQ(parse_timestamp("2023-11-14T22:13:20.123456+00:00"), time(1'700'000'000, 123'456'000));
    EXPECT_EQ(parse_timestamp("2023-11-14 22:13:20,007"), time(1'700'000'000, 7'000'000));
    EXPECT_EQ(parse_timestamp("2023-11-14 22:13:20.0000000001"), time(1'700'000'000, 0));
}

TEST(Timestamp, refuses_what_is_no_time) {
    for (const char* text : {"", " ", "yesterday", "2023-13-01", "2023-02-29", "2023-11-14 25:00", "2023-11-14 22:60:00",
                             "2023-11-14x", "12:30", "1700000000x", "nan", "inf", "1e300", "99999999999999999999", "--5",
                             "2023-11/14", "1700000000.5x", "1700000000.-5", "2023-11-14 22:13:20.", "-9223372036854775808.5", "2023-11-14T22:13:20+8", "2023-1-", "\\N"})
        EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
}

}  // namespace
}  // namespace kohort::corpus

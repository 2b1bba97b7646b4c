// Reads the times that event logs carry: epoch numbers of any usual unit, and dates.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kohort::corpus {

struct Timestamp {
    std::int64_t seconds = 0;       // since 1970-01-01 00:00 UTC, rounded down
    std::int32_t nanoseconds = 0;   // after that second, rounded down
    auto operator<=>(const Timestamp&) const = default;
};

// The time that a text names:
//  - a number, with or without a fraction: seconds; milliseconds from 10^11 on, microseconds from 10^14,
//    nanoseconds from 10^17 (by magnitude);
//  - YYYYMMDD and YYYYMMDDhhmmss, where that is a date from 1900 to 2199 (before the rule for numbers);
//  - YYYY-MM-DD, also with / or . or 年月日, with or without hh:mm[:ss[.f]] after a T or spaces, with or without
//    Z or +hh[:mm]; a time without a zone is UTC.
// Nothing for anything else, and outside the years 1 to 9999.
std::optional<Timestamp> parse_timestamp(std::string_view text);

}  // namespace kohort::corpus

#include "corpus/timestamp.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

namespace kohort::corpus {
namespace {

constexpr std::int64_t year_1 = -62'135'596'800, year_10000 = 253'402'300'800;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool in_range(std::int64_t seconds) { return seconds >= year_1 && seconds < year_10000; }

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }

std::optional<std::int64_t> seconds_of(int year, int month, int day, int hour, int minute, int second) {
    using namespace std::chrono;
    const year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                              std::chrono::day{static_cast<unsigned>(day)}};
    const bool whole_day = hour == 24 && minute == 0 && second == 0;
    if (year < 1 || !date.ok() || (hour > 23 && !whole_day) || minute > 59 || second > 60) return std::nullopt;
    const std::int64_t days = sys_days(date).time_since_epoch().count();
    return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

// Takes parts from the front of a text.
class Taker {
  public:
    explicit Taker(std::string_view text) : text_(text) {}

    bool done() const { return text_.empty(); }
    char front() const { return text_.empty() ? '\0' : text_.front(); }

    // A number of `least` to `most` digits.
    std::optional<int> number(std::size_t least, std::size_t most) {
        std::size_t digits = 0;
        int value = 0;
        while (digits < most && digits < text_.size() && is_digit(text_[digits])) value = value * 10 + (text_[digits++] - '0');
        if (digits < least) return std::nullopt;
        text_.remove_prefix(digits);
        return value;
    }
    bool literal(std::string_view part) {
        if (!text_.starts_with(part)) return false;
        text_.remove_prefix(part.size());
        return true;
    }
    void spaces() {
        while (literal(" ")) {}
    }

  private:
    std::string_view text_;
};

std::optional<std::int64_t> parse_compact_date(std::string_view digits) {
    if (digits.size() != 8 && digits.size() != 14) return std::nullopt;
    Taker taker(digits);
    const int year = *taker.number(4, 4), month = *taker.number(2, 2), day = *taker.number(2, 2);
    if (year < 1900 || year > 2199) return std::nullopt;
    if (taker.done()) return seconds_of(year, month, day, 0, 0, 0);
    const int hour = *taker.number(2, 2), minute = *taker.number(2, 2), second = *taker.number(2, 2);
    return seconds_of(year, month, day, hour, minute, second);
}

std::optional<std::int64_t> scaled(std::int64_t value) {
    for (const auto& [least, unit] : {std::pair{std::int64_t{100'000'000'000'000'000}, std::int64_t{1'000'000'000}},
                                     std::pair{std::int64_t{100'000'000'000'000}, std::int64_t{1'000'000}},
                                     std::pair{std::int64_t{100'000'000'000}, std::int64_t{1'000}}})
        if (value >= least || value <= -least) return floor_divide(value, unit);
    return value;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
    const char* const last = text.data() + text.size();
    const char* const first = text.starts_with('+') ? text.data() + 1 : text.data();
    std::int64_t whole = 0;
    if (const auto [stop, error] = std::from_chars(first, last, whole); error == std::errc{} && stop == last) {
        const auto seconds = scaled(whole);
        return in_range(*seconds) ? seconds : std::nullopt;
    }
    double value = 0;
    const auto [stop, error] = std::from_chars(first, last, value);
    if (error != std::errc{} || stop != last || !(std::abs(value) < 9e18)) return std::nullopt;
    const auto seconds = scaled(static_cast<std::int64_t>(std::floor(value)));
    return in_range(*seconds) ? seconds : std::nullopt;
}

std::optional<std::int64_t> parse_zone(Taker& taker) {
    taker.spaces();
    if (taker.done() || taker.literal("Z") || taker.literal("UTC")) return 0;
    const bool west = taker.front() == '-';
    if (!taker.literal("+") && !taker.literal("-")) return std::nullopt;
    const auto hours = taker.number(2, 2);
    taker.literal(":");
    const auto minutes = taker.done() ? std::optional(0) : taker.number(2, 2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    return (west ? -1 : 1) * (*hours * 3600 + *minutes * 60);
}

std::optional<std::int64_t> parse_date(std::string_view text) {
    Taker taker(text);
    const auto year = taker.number(4, 4);
    std::string_view after_year, after_month;
    for (const std::string_view separator : {"-", "/", ".", "年"})
        if (after_year.empty() && taker.literal(separator)) after_year = separator;
    const auto month = taker.number(1, 2);
    after_month = after_year == "年" ? "月" : after_year;
    if (!year || after_year.empty() || !month || !taker.literal(after_month)) return std::nullopt;
    const auto day = taker.number(1, 2);
    if (!day) return std::nullopt;
    taker.literal("日");
    if (taker.done()) return seconds_of(*year, *month, *day, 0, 0, 0);

    if (!taker.literal("T")) {
        if (taker.front() != ' ' && after_month != "月") return std::nullopt;
        taker.spaces();
    }
    const auto hour = taker.number(1, 2);
    if (!hour || !taker.literal(":")) return std::nullopt;
    const auto minute = taker.number(2, 2);
    std::optional<int> second = 0;
    if (taker.literal(":")) {
        second = taker.number(2, 2);
        if (taker.literal(".") || taker.literal(",")) {
            if (!taker.number(1, 9)) return std::nullopt;
            while (taker.number(1, 9)) {}
        }
    }
    if (!minute || !second) return std::nullopt;
    const auto zone = parse_zone(taker);
    const auto local = seconds_of(*year, *month, *day, *hour, *minute, *second);
    if (!zone || !local || !taker.done()) return std::nullopt;
    return *local - *zone;
}

}  // namespace

std::optional<std::int64_t> parse_timestamp(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    if (text.empty()) return std::nullopt;
    if (std::all_of(text.begin(), text.end(), is_digit))
        if (const auto date = parse_compact_date(text)) return date;
    if (const auto number = parse_number(text)) return number;
    const auto date = parse_date(text);
    return date && in_range(*date) ? date : std::nullopt;
}

}  // namespace kohort::corpus

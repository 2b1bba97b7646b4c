#include "corpus/timestamp.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

namespace kohort::corpus {
namespace {

constexpr std::int64_t year_1 = -62'135'596'800, year_10000 = 253'402'300'800, billion = 1'000'000'000;

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
    std::string_view digits() {
        const auto digits = text_.substr(0, text_.find_first_not_of("0123456789"));
        text_.remove_prefix(digits.size());
        return digits;
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

// `units`, rounded down, and `billionths` of a unit; the unit follows from the magnitude.
std::optional<Timestamp> scaled(std::int64_t units, std::int64_t billionths) {
    std::int64_t per_second = 1;
    for (const auto& [least, many] : {std::pair{std::int64_t{100'000'000'000}, std::int64_t{1'000}},
                                     std::pair{std::int64_t{100'000'000'000'000}, std::int64_t{1'000'000}},
                                     std::pair{std::int64_t{100'000'000'000'000'000}, billion}})
        if (units >= least || units <= -least) per_second = many;
    const auto seconds = floor_divide(units, per_second);
    if (!in_range(seconds)) return std::nullopt;
    const auto rest = units - seconds * per_second;
    return Timestamp{seconds, static_cast<std::int32_t>(rest * (billion / per_second) + billionths / per_second)};
}

// Digits after a decimal point as billionths, rounded down.
std::int64_t take_billionths(std::string_view digits) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < 9; ++i) value = value * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    return value;
}

// Exact, as a double is not: it has no room for a second's millionths.
std::optional<Timestamp> parse_decimal(std::string_view text) {
    const char* const last = text.data() + text.size();
    std::int64_t whole = 0;
    const auto [stop, error] = std::from_chars(text.data(), last, whole);
    if (error != std::errc{}) return std::nullopt;
    if (stop == last) return scaled(whole, 0);
    const std::string_view fraction(stop + 1, last);
    if (*stop != '.' || !std::all_of(fraction.begin(), fraction.end(), is_digit)) return std::nullopt;
    const auto billionths = take_billionths(fraction);
    if (!text.starts_with('-') || billionths == 0) return scaled(whole, billionths);
    if (whole == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
    return scaled(whole - 1, billion - billionths);
}

std::optional<Timestamp> parse_number(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    if (const auto exact = parse_decimal(text)) return exact;
    double value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || stop != text.data() + text.size() || !(std::abs(value) < 9e18)) return std::nullopt;
    const auto whole = std::floor(value);
    return scaled(static_cast<std::int64_t>(whole), static_cast<std::int64_t>((value - whole) * 1e9));
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

std::optional<Timestamp> parse_date(std::string_view text) {
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
    std::optional<int> hour = 0, minute = 0, second = 0;
    std::int64_t nanoseconds = 0;
    std::optional<std::int64_t> zone = 0;
    if (!taker.done()) {
        if (!taker.literal("T")) {
            if (taker.front() != ' ' && after_month != "月") return std::nullopt;
            taker.spaces();
        }
        hour = taker.number(1, 2);
        if (!hour || !taker.literal(":")) return std::nullopt;
        minute = taker.number(2, 2);
        if (taker.literal(":")) {
            second = taker.number(2, 2);
            if (taker.literal(".") || taker.literal(",")) {
                const auto digits = taker.digits();
                if (digits.empty()) return std::nullopt;
                nanoseconds = take_billionths(digits);
            }
        }
        zone = parse_zone(taker);
    }
    if (!minute || !second || !zone || !taker.done()) return std::nullopt;
    const auto local = seconds_of(*year, *month, *day, *hour, *minute, *second);
    if (!local || !in_range(*local - *zone)) return std::nullopt;
    return Timestamp{*local - *zone, static_cast<std::int32_t>(nanoseconds)};
}

}  // namespace

std::optional<Timestamp> parse_timestamp(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    if (text.empty()) return std::nullopt;
    if (std::all_of(text.begin(), text.end(), is_digit))
        if (const auto date = parse_compact_date(text)) return Timestamp{*date, 0};
    if (const auto number = parse_number(text)) return number;
    return parse_date(text);
}

}  // namespace kohort::corpus

#include "text/precompiled_charsmap.h"

#include <cstring>

#include "base/error.h"
#include "text/grapheme.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

using base::ErrorKind;

// Fields of a unit. A unit with the highest bit is a key's value; others have a label, the bit that says that a key ends
// here, and the offset to the children, which is xor-ed to the unit's own place.
constexpr bool has_value(std::uint32_t unit) { return unit >> 8 & 1; }
constexpr std::uint32_t label_of(std::uint32_t unit) { return unit & (1u << 31 | 0xFF); }
constexpr std::uint32_t offset_of(std::uint32_t unit) { return unit >> 10 << ((unit & 1u << 9) >> 6); }
constexpr std::uint32_t value_bit = 1u << 31;

std::uint32_t read_uint32(const char* at) {
    std::uint32_t value = 0;
    for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(at[i]);
    return value;
}

[[noreturn]] void broken(const char* what) {
    base::fail(ErrorKind::usage, "its table of normalisation rules is broken: {}", what);
}

}  // namespace

PrecompiledCharsmap::PrecompiledCharsmap(std::string_view bytes) {
    if (bytes.empty()) return;
    if (bytes.size() < 4) broken("it has no size");
    const std::size_t size = read_uint32(bytes.data());
    if (size == 0 || size % 4 != 0 || size >= bytes.size() - 4) broken("its array has a size that cannot be");
    units_.resize(size / 4);
    for (std::size_t i = 0; i < units_.size(); ++i) units_[i] = read_uint32(bytes.data() + 4 + 4 * i);
    texts_ = bytes.substr(4 + size);
    if (texts_.back() != '\0') broken("its last text has no end");
    if (!is_valid_utf8(texts_)) broken("its texts are not UTF-8");
    // Nothing that the array leads to lies outside it, so that a look-up needs no bounds.
    for (std::size_t i = 0; i < units_.size(); ++i) {
        const std::uint32_t unit = units_[i];
        if (unit & value_bit) continue;
        const std::size_t children = i ^ offset_of(unit);
        if ((children | 0xFF) >= units_.size()) broken("its array leads beyond its end");
        if (!has_value(unit)) continue;
        const std::size_t place = units_[children] & ~value_bit;
        if (place >= texts_.size()) broken("a rule has no text");
        if ((static_cast<unsigned char>(texts_[place]) & 0xC0) == 0x80) broken("the text of a rule begins within a character");
    }
    if (units_[0] & value_bit) broken("its array has no root");
    for (std::uint32_t byte = 1; byte < 256; ++byte) begins_[byte] = label_of(units_[offset_of(units_[0]) ^ byte]) == byte;
}

template <class Visit>
void PrecompiledCharsmap::for_each_match(std::string_view text, Visit&& visit) const {
    if (text.empty() || !begins_[static_cast<unsigned char>(text[0])]) return;
    std::size_t node = offset_of(units_[0]);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte == 0) return;  // where a key's value stands
        node ^= byte;
        const std::uint32_t unit = units_[node];
        if (label_of(unit) != byte) return;
        node ^= offset_of(unit);
        if (has_value(unit) && !visit(i + 1, units_[node] & ~value_bit)) return;
    }
}

std::optional<PrecompiledCharsmap::Match> PrecompiledCharsmap::longest(std::string_view text) const {
    std::optional<Match> found;
    for_each_match(text, [&](std::size_t length, std::uint32_t place) {
        found = {length, texts_.data() + place};
        return true;
    });
    return found;
}

std::optional<PrecompiledCharsmap::Match> PrecompiledCharsmap::shortest(std::string_view text) const {
    std::optional<Match> found;
    for_each_match(text, [&](std::size_t length, std::uint32_t place) {
        found = {length, texts_.data() + place};
        return false;
    });
    return found;
}

void PrecompiledCharsmap::normalize_graphemes(std::string& text) const {
    constexpr std::size_t short_cluster = 5;
    std::string changed;
    std::size_t copied = 0;  // what precedes is in `changed`
    const auto replace = [&](std::string_view part, std::string_view replacement) {
        const auto begin = static_cast<std::size_t>(part.data() - text.data());
        changed.append(text, copied, begin - copied).append(replacement);
        copied = begin + part.size();
    };
    for_each_grapheme(text, [&](std::string_view cluster, std::size_t first_length) {
        if (cluster.size() <= short_cluster) {
            if (const auto match = shortest(cluster)) return replace(cluster, match->replacement);
            if (cluster.size() == first_length) return;
        }
        for (std::size_t at = 0; at < cluster.size();) {
            const auto length = static_cast<std::size_t>(decode(cluster.data() + at, cluster.data() + cluster.size()).length);
            const auto part = cluster.substr(at, length);
            if (const auto match = shortest(part)) replace(part, match->replacement);
            at += length;
        }
    });
    if (copied == 0 && changed.empty()) return;
    text = changed.append(text, copied);
}

std::string decode_base64(std::string_view text) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::array<int, 256> value;
    value.fill(-1);
    for (std::size_t i = 0; i < digits.size(); ++i) value[static_cast<unsigned char>(digits[i])] = static_cast<int>(i);
    const auto refuse = [] { base::fail(ErrorKind::usage, "its table of normalisation rules is not base64"); };
    if (text.size() % 4 != 0) refuse();
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char character : text) {
        const int digit = value[static_cast<unsigned char>(character)];
        if (digit < 0) refuse();
        bits = bits << 6 | static_cast<std::uint32_t>(digit);
        if ((count += 6) < 8) continue;
        count -= 8;
        bytes.push_back(static_cast<char>(bits >> count));
        bits &= (1u << count) - 1;
    }
    return bytes;
}

}  // namespace kohort::text

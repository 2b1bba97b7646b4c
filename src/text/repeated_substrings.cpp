#include "text/repeated_substrings.h"

#include <algorithm>

namespace kohort::text {
namespace {

struct Suffix {
    std::uint64_t key;  // its first three characters, 21 bits each; 0 where the word is over
    std::int32_t begin;
};
constexpr std::int32_t key_characters = 3;

class SuffixOrder {
  public:
    SuffixOrder(const WeightedWords& words, int longest) : characters_(words.characters), room_(words.characters.size()) {
        std::int32_t begin = 0;
        for (const std::int32_t end : words.ends)
            for (; begin < end; ++begin)
                room_[static_cast<std::size_t>(begin)] = static_cast<std::uint8_t>(std::min(end - begin, longest));
    }

    std::vector<std::int32_t> sorted() const {
        std::vector<Suffix> suffixes;
        suffixes.reserve(room_.size());
        for (std::size_t begin = 0; begin < room_.size(); ++begin) {
            std::uint64_t key = 0;
            for (std::size_t i = 0; i < key_characters; ++i)
                key = key << 21 | (i < room_[begin] ? characters_[begin + i] + 1 : 0);
            suffixes.push_back({key, static_cast<std::int32_t>(begin)});
        }
        std::ranges::sort(suffixes, [&](const Suffix& a, const Suffix& b) {
            if (a.key != b.key) return a.key < b.key;
            const std::int32_t common = common_prefix(a.begin, b.begin);
            const std::int32_t room_a = room(a.begin), room_b = room(b.begin);
            if (common == room_a || common == room_b) return room_a != room_b ? room_a < room_b : a.begin < b.begin;
            return at(a.begin + common) < at(b.begin + common);
        });
        std::vector<std::int32_t> places;
        places.reserve(suffixes.size());
        for (const Suffix& suffix : suffixes) places.push_back(suffix.begin);
        return places;
    }

    std::int32_t common_prefix(std::int32_t a, std::int32_t b) const {
        const std::int32_t most = std::min(room(a), room(b));
        std::int32_t common = 0;
        while (common < most && at(a + common) == at(b + common)) ++common;
        return common;
    }

    // Characters from there to the end of the word, `longest` at most.
    std::int32_t room(std::int32_t place) const { return room_[static_cast<std::size_t>(place)]; }

  private:
    char32_t at(std::int32_t place) const { return characters_[static_cast<std::size_t>(place)]; }

    const std::u32string& characters_;
    std::vector<std::uint8_t> room_;
};

// At each place the sum of the counts before it.
std::vector<std::int64_t> sums_of_counts(const WeightedWords& words, const std::vector<std::int32_t>& places) {
    std::vector<std::int64_t> weights, sums{0};
    weights.reserve(places.size());
    for (std::size_t word = 0; word < words.ends.size(); ++word)
        weights.resize(static_cast<std::size_t>(words.ends[word]), words.counts[word]);
    sums.reserve(places.size() + 1);
    for (const std::int32_t place : places) sums.push_back(sums.back() + weights[static_cast<std::size_t>(place)]);
    return sums;
}

}  // namespace

RepeatedSubstrings::RepeatedSubstrings(const WeightedWords& words, int longest, std::int64_t min_count) {
    const SuffixOrder order(words, longest);
    suffixes_ = order.sorted();
    const auto sums = sums_of_counts(words, suffixes_);
    struct Open {
        std::int32_t length, first;
    };
    std::vector<Open> open;  // lengths rise
    const auto count = static_cast<std::int32_t>(suffixes_.size());
    std::int32_t before = 0;  // characters in common with the suffix before
    for (std::int32_t i = 0; i < count; ++i) {
        const std::int32_t here = suffixes_[static_cast<std::size_t>(i)];
        const std::int32_t common = i + 1 < count ? order.common_prefix(here, suffixes_[static_cast<std::size_t>(i) + 1]) : 0;
        const auto keep = [&](std::int32_t length, std::int32_t first) {
            const std::int64_t all = sums[static_cast<std::size_t>(i) + 1] - sums[static_cast<std::size_t>(first)];
            if (all >= min_count) found_.push_back({length, first, i + 1, all});
        };
        // The end of one word alone; then what begins alike.
        if (const std::int32_t whole = order.room(here); whole >= 2 && whole > std::max(before, common)) keep(whole, i);
        std::int32_t first = i;
        while (!open.empty() && open.back().length > common) {
            first = open.back().first;
            keep(open.back().length, first);
            open.pop_back();
        }
        if (common >= 2 && (open.empty() || open.back().length < common)) open.push_back({common, first});
        before = common;
    }
}

}  // namespace kohort::text

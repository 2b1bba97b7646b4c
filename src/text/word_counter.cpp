#include "text/word_counter.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <unordered_map>

#include "base/hash.h"
#include "parallel/collectives.h"
#include "text/character_map.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

using parallel::Communicator;

struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const { return base::hash64(word); }
};
using Counts = std::unordered_map<std::string, std::int64_t, StringHash, std::equal_to<>>;

void add(Counts& counts, std::string_view word, std::int64_t count) {
    const auto found = counts.find(word);
    if (found != counts.end()) found->second += count;
    else counts.emplace(word, count);
}

// Count-min sketch: never below the true count.
class Sketch {
  public:
    Sketch() : cells_(rows * width) {}
    void add(std::string_view word) {
        for (std::uint64_t row = 0; row < rows; ++row) ++cells_[cell(word, row)];
    }
    std::int64_t estimate(std::string_view word) const {
        std::int64_t least = cells_[cell(word, 0)];
        for (std::uint64_t row = 1; row < rows; ++row) least = std::min(least, cells_[cell(word, row)]);
        return least;
    }
    void add_all_ranks(Communicator& comm) {
        parallel::all_reduce(comm, std::span(cells_), parallel::ReduceOperation::sum);
    }

  private:
    static constexpr std::uint64_t rows = 2, width = 1 << 21;  // 32 MiB
    // Seeds other than 0, whose hash decides the owner of a word.
    static std::size_t cell(std::string_view word, std::uint64_t row) {
        return row * width + base::hash64(word, row + 1) % width;
    }
    std::vector<std::int64_t> cells_;
};

// The words of one text, held back until the text is known to be regular.
struct WordSink {
    std::string letters;                            // of all words
    std::vector<std::pair<std::size_t, std::int64_t>> ends;  // of each word: end in letters, characters
    std::vector<std::uint32_t> alone_indices;
    std::int64_t characters = 0;

    void byte(char value) {
        letters.push_back(value);
        ++characters;
    }
    void bytes(const char* from, std::int64_t length, std::int64_t count) {
        letters.append(from, static_cast<std::size_t>(length));
        characters += count;
    }
    void end_word() {
        if (characters > 0) ends.emplace_back(letters.size(), characters);
        characters = 0;
    }
    void alone(std::uint32_t index) { alone_indices.push_back(index); }
    static constexpr bool full() { return false; }

    void clear() {
        letters.clear();
        ends.clear();
        alone_indices.clear();
        characters = 0;
    }
};

class Counter {
  public:
    Counter(Communicator& comm, const WordCountOptions& options)
        : comm_(comm), options_(options), map_(options.normalizer), alone_(map_.alone_words().size()) {}

    WordStatistics count(const TextSource& source) {
        bool pruned = false;
        if (!count_exactly(source)) {
            pruned = true;
            sketch_.emplace();
            source([&](std::string_view text) {
                for_each_word(text, [&](std::string_view word) { sketch_->add(word); });
            });
            sketch_->add_all_ranks(comm_);
            floor_ = std::max<std::int64_t>(options_.min_frequency, 1);
            count_exactly(source);
        }
        parallel::all_reduce(comm_, std::span(alone_), parallel::ReduceOperation::sum);
        WordStatistics result;
        result.pruned = pruned;
        gather_characters(result);
        gather_words(result);
        return result;
    }

  private:
    // visit(word) for every word of the text that is not a character standing alone.
    template <class Visit>
    void for_each_word(std::string_view text, Visit&& visit) {
        sink_.clear();
        if (!map_.scan(text, sink_)) {
            sink_.clear();
            for (const std::u32string& word : split_words(normalize(text, options_.normalizer))) {
                for (const char32_t code : word) sink_.letters += to_utf8({&code, 1});
                sink_.characters = static_cast<std::int64_t>(word.size());
                sink_.end_word();
            }
        }
        std::size_t begin = 0;
        for (const auto& [end, characters] : sink_.ends) {
            if (characters <= options_.longest_word) visit(std::string_view(sink_.letters).substr(begin, end - begin));
            begin = end;
        }
    }

    // One pass over the texts. False: too many words, and no sketch to prune them by; all ranks agree on it.
    bool count_exactly(const TextSource& source) {
        owned_.clear();
        std::fill(alone_.begin(), alone_.end(), 0);
        Counts held;
        bool given_up = false;
        source([&](std::string_view text) {
            if (given_up) return;
            for_each_word(text, [&](std::string_view word) {
                if (!sketch_ || sketch_->estimate(word) >= floor_) add(held, word, 1);
            });
            for (const std::uint32_t index : sink_.alone_indices) ++alone_[index];
            if (static_cast<std::int64_t>(held.size()) >= options_.words_a_round) given_up = exchange(held, false).given_up;
        });
        // Ranks with more texts than this one still need its part in their rounds.
        for (Round round{given_up, false}; !round.given_up && !round.over;) {
            round = exchange(held, true);
            given_up = round.given_up;
        }
        return !given_up;
    }

    struct Round {
        bool given_up, over;
    };

    // Collective: sends every held word to its owner. over: all ranks have said `last`.
    Round exchange(Counts& held, bool last) {
        std::vector<std::vector<char>> outgoing(static_cast<std::size_t>(comm_.size()));
        for (const auto& [word, count] : held) append(outgoing[base::hash64(word) % outgoing.size()], word, count);
        held.clear();
        for (const std::vector<char>& packet : parallel::all_to_all(comm_, outgoing))
            for_each_packed(packet, [&](std::string_view word, std::int64_t count) {
                if (!sketch_ || sketch_->estimate(word) >= floor_) add(owned_, word, count);
            });
        bool given_up = false;
        while (parallel::all_sum(comm_, static_cast<std::int64_t>(owned_.size())) > options_.most_words) {
            given_up = !sketch_;
            if (given_up) break;
            floor_ *= 2;
            std::erase_if(owned_, [&](const auto& entry) { return sketch_->estimate(entry.first) < floor_; });
        }
        return {given_up, parallel::all_min(comm_, std::int64_t{last}) == 1};
    }

    static void append(std::vector<char>& packet, std::string_view word, std::int64_t count) {
        const auto size = static_cast<std::int64_t>(word.size());
        const std::size_t at = packet.size();
        packet.resize(at + 2 * sizeof(std::int64_t) + word.size());
        std::memcpy(packet.data() + at, &count, sizeof count);
        std::memcpy(packet.data() + at + sizeof count, &size, sizeof size);
        std::memcpy(packet.data() + at + 2 * sizeof count, word.data(), word.size());
    }

    template <class Visit>
    static void for_each_packed(const std::vector<char>& packet, Visit&& visit) {
        for (std::size_t at = 0; at < packet.size();) {
            std::int64_t count = 0, size = 0;
            std::memcpy(&count, packet.data() + at, sizeof count);
            std::memcpy(&size, packet.data() + at + sizeof count, sizeof size);
            at += 2 * sizeof count;
            visit(std::string_view(packet.data() + at, static_cast<std::size_t>(size)), count);
            at += static_cast<std::size_t>(size);
        }
    }

    // Every owned word counts here, rare ones too: a character of many rare words is a frequent character.
    void gather_characters(WordStatistics& result) {
        std::unordered_map<char32_t, CharacterCount> seen;
        for (const auto& [word, count] : owned_) {
            const bool longer = count_characters(word) > 1;
            for_each_character(word, [&, n = count](char32_t code) {
                seen[code].count += n;
                seen[code].in_longer_word |= longer;
            });
        }
        std::vector<std::int64_t> mine;  // code, count, in_longer_word
        for (const auto& [code, entry] : seen) mine.insert(mine.end(), {std::int64_t{code}, entry.count, entry.in_longer_word});
        const auto all = parallel::gather(comm_, std::span<const std::int64_t>(mine));
        if (!comm_.is_root()) return;
        std::map<char32_t, CharacterCount> merged;
        const auto merge = [&](char32_t code, std::int64_t count, bool longer) {
            CharacterCount& entry = merged[code];
            entry.code = code;
            entry.count += count;
            entry.in_longer_word |= longer;
        };
        for (std::size_t i = 0; i < all.size(); i += 3) merge(static_cast<char32_t>(all[i]), all[i + 1], all[i + 2] != 0);
        for (std::size_t i = 0; i < alone_.size(); ++i)
            if (alone_[i] > 0) merge(to_code_points(map_.alone_words()[i]).front(), alone_[i], false);
        for (const auto& entry : merged) result.characters.push_back(entry.second);
    }

    void gather_words(WordStatistics& result) {
        std::vector<char> mine;
        for (const auto& [word, count] : owned_)
            if (count >= options_.min_frequency && count_characters(word) > 1) append(mine, word, count);
        owned_.clear();
        const auto all = parallel::gather(comm_, std::span<const char>(mine));
        for_each_packed(all, [&](std::string_view word, std::int64_t count) { result.words.push_back({std::string(word), count}); });
        std::sort(result.words.begin(), result.words.end(), [](const WordCount& a, const WordCount& b) { return a.word < b.word; });
    }

    Communicator& comm_;
    const WordCountOptions& options_;
    const CharacterMap map_;
    WordSink sink_;
    std::vector<std::int64_t> alone_;  // [map_.alone_words()] occurrences; this rank's until they are summed
    Counts owned_;                     // words of which this rank keeps the total
    std::optional<Sketch> sketch_;     // present from the second pass on
    std::int64_t floor_ = 0;           // the least estimate that still counts
};

}  // namespace

WordStatistics count_words(parallel::Communicator& comm, const TextSource& source, const WordCountOptions& options) {
    return Counter(comm, options).count(source);
}

}  // namespace kohort::text

#include "text/piece_merger.h"

#include <algorithm>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "text/utf8.h"

namespace kohort::text {
namespace {

using Symbol = std::int32_t;
using PairKey = std::uint64_t;

PairKey key_of(Symbol left, Symbol right) {
    return static_cast<PairKey>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}
Symbol left_of(PairKey pair) { return static_cast<Symbol>(pair >> 32); }
Symbol right_of(PairKey pair) { return static_cast<Symbol>(pair & 0xFFFFFFFF); }

struct PairKeyHash {
    std::size_t operator()(PairKey key) const { return (key ^ key >> 29) * 0x9E3779B97F4A7C15ull >> 7; }
};

class Merger {
  public:
    Merger(const std::vector<WordCount>& words, const std::vector<char32_t>& alphabet) {
        const std::unordered_set<char32_t> known(alphabet.begin(), alphabet.end());
        for (const WordCount& word : words) {
            const std::u32string codes = to_code_points(word.word);
            if (codes.size() < 2 || !std::all_of(codes.begin(), codes.end(), [&](char32_t code) { return known.contains(code); }))
                continue;
            Line line{static_cast<std::int64_t>(symbols_.size()), static_cast<std::int32_t>(codes.size()), word.count};
            for (std::size_t i = 0; i < codes.size(); ++i) {
                const std::string character = to_utf8({&codes[i], 1});
                symbols_.push_back(symbol(i == 0 ? character : "##" + character).first);
            }
            lines_.push_back(line);
        }
        for (std::size_t i = 0; i < lines_.size(); ++i) count_pairs(static_cast<std::int32_t>(i), 1, [](Symbol, Symbol) { return true; });
        for (const auto& [key, pair] : pairs_) queue_.push({pair.count, key, this});
    }

    std::vector<std::string> run(std::int64_t most, std::int64_t min_frequency, const std::function<void()>& breathe) {
        std::vector<std::string> made;
        while (static_cast<std::int64_t>(made.size()) < most && !queue_.empty()) {
            const Candidate top = queue_.top();
            queue_.pop();
            const std::int64_t count = pairs_[top.key].count;
            if (count != top.count) {  // merges of other pairs have made it rarer since
                if (count > 0) queue_.push({count, top.key, this});
                continue;
            }
            if (count < std::max<std::int64_t>(min_frequency, 1)) break;
            const std::string name = names_[static_cast<std::size_t>(left_of(top.key))] +
                                     names_[static_cast<std::size_t>(right_of(top.key))].substr(2);
            const auto [merged, fresh] = symbol(name);
            if (fresh) made.push_back(name);
            merge(top.key, merged);
            if (made.size() % 256 == 0) breathe();
        }
        return made;
    }

  private:
    struct Line {  // a word as its present symbols
        std::int64_t begin;
        std::int32_t length;
        std::int64_t count;
    };
    struct Pair {
        std::int64_t count = 0;
        std::vector<std::int32_t> lines;  // words that had it at some time, some of them twice
    };
    struct Candidate {
        std::int64_t count;
        PairKey key;
        const Merger* merger;
        // The queue's top is the greatest: most frequent, then first by bytes.
        bool operator<(const Candidate& other) const {
            if (count != other.count) return count < other.count;
            const auto name = [&](Symbol s) -> const std::string& { return merger->names_[static_cast<std::size_t>(s)]; };
            if (left_of(key) != left_of(other.key)) return name(left_of(key)) > name(left_of(other.key));
            return name(right_of(key)) > name(right_of(other.key));
        }
    };

    std::pair<Symbol, bool> symbol(const std::string& name) {
        const auto [place, fresh] = by_name_.try_emplace(name, static_cast<Symbol>(names_.size()));
        if (fresh) names_.push_back(name);
        return {place->second, fresh};
    }

    // Adds `sign` times the word's count to each of its pairs; where `lists(left, right)`, the pair notes the word.
    template <class Lists>
    void count_pairs(std::int32_t index, std::int64_t sign, Lists&& lists) {
        const Line& line = lines_[static_cast<std::size_t>(index)];
        const Symbol* at = symbols_.data() + line.begin;
        for (std::int32_t i = 0; i + 1 < line.length; ++i) {
            Pair& pair = pairs_[key_of(at[i], at[i + 1])];
            pair.count += sign * line.count;
            if (lists(at[i], at[i + 1]) && (pair.lines.empty() || pair.lines.back() != index)) pair.lines.push_back(index);
        }
    }

    void merge(PairKey key, Symbol merged) {
        const Symbol left = left_of(key), right = right_of(key);
        const std::vector<std::int32_t> lines = std::move(pairs_[key].lines);
        pairs_[key].lines.clear();
        std::vector<PairKey> grown;
        for (const std::int32_t index : lines) {
            Line& line = lines_[static_cast<std::size_t>(index)];
            Symbol* const at = symbols_.data() + line.begin;
            bool has = false;
            for (std::int32_t i = 0; i + 1 < line.length && !has; ++i) has = at[i] == left && at[i + 1] == right;
            if (!has) continue;
            count_pairs(index, -1, [](Symbol, Symbol) { return false; });
            std::int32_t to = 0;
            for (std::int32_t i = 0; i < line.length; ++to) {
                const bool here = i + 1 < line.length && at[i] == left && at[i + 1] == right;
                at[to] = here ? merged : at[i];
                i += here ? 2 : 1;
            }
            line.length = to;
            count_pairs(index, 1, [&](Symbol a, Symbol b) {
                if (a != merged && b != merged) return false;
                grown.push_back(key_of(a, b));
                return true;
            });
        }
        std::sort(grown.begin(), grown.end());
        grown.erase(std::unique(grown.begin(), grown.end()), grown.end());
        for (const PairKey pair : grown) queue_.push({pairs_[pair].count, pair, this});
    }

    std::vector<std::string> names_;
    std::unordered_map<std::string, Symbol> by_name_;
    std::vector<Symbol> symbols_;
    std::vector<Line> lines_;
    std::unordered_map<PairKey, Pair, PairKeyHash> pairs_;
    std::priority_queue<Candidate> queue_;
};

}  // namespace

std::vector<std::string> merge_pieces(const std::vector<WordCount>& words, const std::vector<char32_t>& alphabet,
                                      std::int64_t most, std::int64_t min_frequency, const std::function<void()>& breathe) {
    return Merger(words, alphabet).run(most, min_frequency, breathe);
}

}  // namespace kohort::text

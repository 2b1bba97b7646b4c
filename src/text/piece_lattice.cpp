#include "text/piece_lattice.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/worker_threads.h"

namespace kohort::text {
namespace {

constexpr double fixed_point = 1 << 24;  // of expected counts
std::int64_t to_fixed(double value) {
    return std::llround(value * fixed_point);
}

}  // namespace

PieceLattice::PieceLattice(const WeightedWords& words, const std::vector<std::int32_t>& suffixes,
                           const std::vector<RepeatedSubstring>& substrings)
    : words_(words), edge_ends_(words.characters.size() + 1) {
    const std::u32string& text = words.characters;
    const auto place_of = [&](std::int32_t rank) { return static_cast<std::size_t>(suffixes[static_cast<std::size_t>(rank)]); };
    const auto count = static_cast<std::int32_t>(suffixes.size());
    // Suffixes that begin with the same character are neighbours.
    std::vector<std::int32_t> character_at(text.size());
    for (std::int32_t rank = 0; rank < count; ++rank) {
        if (rank == 0 || text[place_of(rank)] != text[place_of(rank - 1)])
            pieces_.push_back({suffixes[static_cast<std::size_t>(rank)], 1});
        character_at[place_of(rank)] = static_cast<std::int32_t>(pieces_.size()) - 1;
    }
    characters_ = static_cast<std::int64_t>(pieces_.size());
    for (const RepeatedSubstring& substring : substrings) {
        pieces_.push_back({suffixes[static_cast<std::size_t>(substring.first)], substring.length});
        for (std::int32_t rank = substring.first; rank < substring.last; ++rank) ++edge_ends_[place_of(rank) + 1];
    }
    for (std::size_t place = 1; place < edge_ends_.size(); ++place) edge_ends_[place] += edge_ends_[place - 1] + 1;
    edges_.resize(static_cast<std::size_t>(edge_ends_.back()));
    std::vector<std::int64_t> next(edge_ends_.begin(), edge_ends_.end() - 1);
    const auto add = [&](std::size_t place, std::int32_t piece) {
        edges_[static_cast<std::size_t>(next[place]++)] = {piece, pieces_[static_cast<std::size_t>(piece)].length};
    };
    for (std::size_t place = 0; place < text.size(); ++place) add(place, character_at[place]);
    for (std::size_t i = 0; i < substrings.size(); ++i)
        for (std::int32_t rank = substrings[i].first; rank < substrings[i].last; ++rank)
            add(place_of(rank), static_cast<std::int32_t>(static_cast<std::size_t>(characters_) + i));
    edge_ends_.erase(edge_ends_.begin());
}

std::span<const PieceLattice::Edge> PieceLattice::edges_at(std::size_t place) const {
    const auto first = static_cast<std::size_t>(place == 0 ? 0 : edge_ends_[place - 1]);
    return {edges_.data() + first, static_cast<std::size_t>(edge_ends_[place]) - first};
}

struct PieceLattice::Sums {
    std::vector<std::int64_t> counts;  // [pieces]
    __int128 log_likelihood = 0;       // with the gain of each character
};

// Forward and backward sums over the ways of one word (Baum et al. 1970).
void PieceLattice::add_word(std::size_t begin, std::size_t end, std::int64_t count, const std::vector<double>& weights,
                            Sums& sums) const {
    const std::size_t length = end - begin;
    std::array<double, longest_word + 1> before{}, after{};  // of all ways up to a place, and from it on
    before[0] = after[length] = 1;
    for (std::size_t i = 0; i < length; ++i)
        for (const Edge& edge : edges_at(begin + i))
            before[i + static_cast<std::size_t>(edge.length)] += before[i] * weights[static_cast<std::size_t>(edge.piece)];
    const double all = before[length];
    // A word that is too unlikely, or too likely, for what a character was given says nothing of its pieces.
    if (!(all > 0) || !std::isfinite(all)) return;
    for (std::size_t i = length; i-- > 0;) {
        const double here = before[i] * static_cast<double>(count) / all;
        for (const Edge& edge : edges_at(begin + i)) {
            const double way = weights[static_cast<std::size_t>(edge.piece)] * after[i + static_cast<std::size_t>(edge.length)];
            after[i] += way;
            if (const double expected = here * way; std::isfinite(expected))
                sums.counts[static_cast<std::size_t>(edge.piece)] += to_fixed(expected);
        }
    }
    sums.log_likelihood += static_cast<__int128>(to_fixed(std::log(all))) * count;
}

double PieceLattice::length_of_words() const {
    double characters = 0;
    std::int32_t begin = 0;
    for (std::size_t word = 0; word < words_.ends.size(); begin = words_.ends[word++])
        characters += static_cast<double>(words_.counts[word]) * (words_.ends[word] - begin);
    return characters;
}

PieceLattice::Expectation PieceLattice::expect(const std::vector<double>& scores, double log_a_character, int threads) const {
    std::vector<double> weights(pieces_.size());
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = std::exp(scores[i] - log_a_character * pieces_[i].length);
    Sums total{std::vector<std::int64_t>(pieces_.size())};
    std::mutex mutex;
    const int most_workers = 8;  // each has counts of all pieces
    const std::size_t words = words_.ends.size(), workers = static_cast<std::size_t>(std::min(threads, most_workers));
    base::run_workers(static_cast<int>(workers), [&](int worker) {
        Sums mine{std::vector<std::int64_t>(pieces_.size())};
        const std::size_t first = words * static_cast<std::size_t>(worker) / workers;
        const std::size_t last = words * (static_cast<std::size_t>(worker) + 1) / workers;
        auto begin = static_cast<std::size_t>(first == 0 ? 0 : words_.ends[first - 1]);
        for (std::size_t word = first; word < last; ++word) {
            const auto end = static_cast<std::size_t>(words_.ends[word]);
            add_word(begin, end, words_.counts[word], weights, mine);
            begin = end;
        }
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; i < mine.counts.size(); ++i) total.counts[i] += mine.counts[i];
        total.log_likelihood += mine.log_likelihood;
    });
    Expectation result;
    for (const std::int64_t count : total.counts) result.counts.push_back(static_cast<double>(count) / fixed_point);
    result.log_likelihood = static_cast<double>(total.log_likelihood) / fixed_point + log_a_character * length_of_words();
    return result;
}

std::vector<std::int32_t> PieceLattice::best_without(std::int32_t piece, const std::vector<double>& scores) const {
    const auto [place, length] = pieces_[static_cast<std::size_t>(piece)];
    struct Way {
        double score = -std::numeric_limits<double>::infinity();
        std::int32_t piece = -1, begin = -1;  // its last
    };
    std::vector<Way> ways(static_cast<std::size_t>(length) + 1);
    ways[0].score = 0;
    for (std::int32_t i = 0; i < length; ++i)
        for (const Edge& edge : edges_at(static_cast<std::size_t>(place + i))) {
            if (i + edge.length > length || edge.piece == piece) continue;
            Way& way = ways[static_cast<std::size_t>(i + edge.length)];
            const double score = ways[static_cast<std::size_t>(i)].score + scores[static_cast<std::size_t>(edge.piece)];
            if (score > way.score) way = {score, edge.piece, i};
        }
    std::vector<std::int32_t> parts;
    for (std::int32_t end = length; end > 0 && ways[static_cast<std::size_t>(end)].piece >= 0;
         end = ways[static_cast<std::size_t>(end)].begin)
        parts.push_back(ways[static_cast<std::size_t>(end)].piece);
    std::ranges::reverse(parts);
    return parts;
}

void PieceLattice::keep_only(const std::vector<bool>& wanted) {
    std::vector<std::int32_t> number(pieces_.size(), -1);  // from now on
    std::size_t kept = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
        if (static_cast<std::int64_t>(i) >= characters_ && !wanted[i]) continue;
        number[i] = static_cast<std::int32_t>(kept);
        pieces_[kept++] = pieces_[i];
    }
    pieces_.resize(kept);
    std::size_t from = 0, to = 0;
    for (std::int64_t& end : edge_ends_) {
        for (; from < static_cast<std::size_t>(end); ++from)
            if (const std::int32_t piece = number[static_cast<std::size_t>(edges_[from].piece)]; piece >= 0)
                edges_[to++] = {piece, edges_[from].length};
        end = static_cast<std::int64_t>(to);
    }
    edges_.resize(to);
}

}  // namespace kohort::text

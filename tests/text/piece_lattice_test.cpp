// Expected counts against the sum over all ways to cut each word.
#include "text/piece_lattice.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

namespace kohort::text {
namespace {

struct Example {
    WeightedWords words;
    std::vector<std::int32_t> suffixes;
    std::vector<RepeatedSubstring> substrings;

    explicit Example(unsigned seed) {
        std::mt19937 random(seed);
        for (int word = 0; word < 25; ++word) {
            for (std::size_t length = 1 + random() % 9; length > 0; --length) words.characters += U"abc中"[random() % 4];
            words.ends.push_back(static_cast<std::int32_t>(words.characters.size()));
            words.counts.push_back(1 + static_cast<std::int64_t>(random() % 5));
        }
        const RepeatedSubstrings repeated(words, 5, 2);
        suffixes = repeated.suffixes();
        substrings = repeated.found();
    }

    std::u32string word(std::size_t i) const {
        const auto begin = static_cast<std::size_t>(i == 0 ? 0 : words.ends[i - 1]);
        return words.characters.substr(begin, static_cast<std::size_t>(words.ends[i]) - begin);
    }
};

std::u32string text_of(const Example& example, const PieceLattice::Piece& piece) {
    return example.words.characters.substr(static_cast<std::size_t>(piece.place), static_cast<std::size_t>(piece.length));
}

std::vector<double> random_scores(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> between(-9, -1);
    std::vector<double> scores(count);
    for (double& score : scores) score = between(random);
    return scores;
}

using Way = std::vector<std::int32_t>;

// Every way to make the text of pieces, with its score.
void for_each_way(const std::u32string& text, const std::map<std::u32string, std::int32_t>& pieces,
                  const std::vector<double>& scores, Way& way, double score,
                  const std::function<void(const Way&, double)>& visit) {
    if (text.empty()) return visit(way, score);
    for (std::size_t length = 1; length <= text.size(); ++length) {
        const auto found = pieces.find(text.substr(0, length));
        if (found == pieces.end()) continue;
        way.push_back(found->second);
        for_each_way(text.substr(length), pieces, scores, way, score + scores[static_cast<std::size_t>(found->second)], visit);
        way.pop_back();
    }
}

std::map<std::u32string, std::int32_t> numbers(const Example& example, const PieceLattice& lattice) {
    std::map<std::u32string, std::int32_t> result;
    for (std::size_t i = 0; i < lattice.pieces().size(); ++i)
        result[text_of(example, lattice.pieces()[i])] = static_cast<std::int32_t>(i);
    return result;
}

void expect_sums_over_all_ways(const Example& example, const PieceLattice& lattice, unsigned seed) {
    const auto pieces = numbers(example, lattice);
    ASSERT_EQ(pieces.size(), lattice.pieces().size());
    const auto scores = random_scores(pieces.size(), seed);
    std::vector<double> counts(pieces.size());
    double log_likelihood = 0;
    for (std::size_t i = 0; i < example.words.ends.size(); ++i) {
        std::map<std::int32_t, double> in_word;
        double all = 0;
        Way way;
        for_each_way(example.word(i), pieces, scores, way, 0, [&](const Way& taken, double score) {
            all += std::exp(score);
            for (const std::int32_t piece : taken) in_word[piece] += std::exp(score);
        });
        const auto times = static_cast<double>(example.words.counts[i]);
        for (const auto& [piece, sum] : in_word) counts[static_cast<std::size_t>(piece)] += times * sum / all;
        log_likelihood += times * std::log(all);
    }
    const auto found = lattice.expect(scores, -3, 1);
    EXPECT_NEAR(found.log_likelihood, log_likelihood, 1e-4);
    for (std::size_t i = 0; i < counts.size(); ++i) EXPECT_NEAR(found.counts[i], counts[i], 1e-4);
    // Threads and the gain of a character change nothing, but for rounding by the latter.
    for (const int threads : {2, 3, 40}) {
        const auto again = lattice.expect(scores, -3, threads);
        EXPECT_EQ(again.counts, found.counts);
        EXPECT_EQ(again.log_likelihood, found.log_likelihood);
    }
    EXPECT_NEAR(lattice.expect(scores, -8, 1).log_likelihood, log_likelihood, 1e-4);
}

TEST(PieceLattice, expects_what_all_ways_sum_up_to) {
    for (unsigned seed = 1; seed <= 10; ++seed) {
        const Example example(seed);
        PieceLattice lattice(example.words, example.suffixes, example.substrings);
        EXPECT_EQ(lattice.characters(), 4);
        expect_sums_over_all_ways(example, lattice, seed);
        // The same of a part of the pieces, in their order.
        std::vector<bool> wanted(lattice.pieces().size());
        std::vector<std::u32string> expected;
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            wanted[i] = i % 3 == seed % 3;
            if (wanted[i] || i < 4) expected.push_back(text_of(example, lattice.pieces()[i]));
        }
        lattice.keep_only(wanted);
        ASSERT_EQ(lattice.pieces().size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(text_of(example, lattice.pieces()[i]), expected[i]);
        expect_sums_over_all_ways(example, lattice, seed + 100);
    }
}

TEST(PieceLattice, finds_the_best_other_way) {
    for (unsigned seed = 1; seed <= 10; ++seed) {
        const Example example(seed);
        const PieceLattice lattice(example.words, example.suffixes, example.substrings);
        const auto pieces = numbers(example, lattice);
        const auto scores = random_scores(pieces.size(), seed);
        for (const auto& [text, piece] : pieces) {
            Way way, best;
            double most = -INFINITY;
            for_each_way(text, pieces, scores, way, 0, [&, p = piece](const Way& taken, double score) {
                if (taken == Way{p} || score <= most) return;
                best = taken;
                most = score;
            });
            EXPECT_EQ(lattice.best_without(piece, scores), best);
        }
    }
}

// A long word of the rarest characters neither overflows nor counts for nothing.
TEST(PieceLattice, keeps_long_words_within_range) {
    WeightedWords words;
    for (std::int32_t i = 0; i < PieceLattice::longest_word; ++i) words.characters += static_cast<char32_t>(0x4E00 + i);
    words.ends = {PieceLattice::longest_word};
    words.counts = {1'000'000};
    std::vector<std::int32_t> suffixes;
    for (std::int32_t i = 0; i < PieceLattice::longest_word; ++i) suffixes.push_back(i);
    const PieceLattice lattice(words, suffixes, {});
    for (const double score : {-17.0, -0.5}) {
        const auto found = lattice.expect(std::vector<double>(PieceLattice::longest_word, score), -5, 2);
        EXPECT_NEAR(found.log_likelihood / (1e6 * PieceLattice::longest_word), score, 1e-6);
        for (const double count : found.counts) EXPECT_NEAR(count, 1e6, 1);
    }
}

}  // namespace
}  // namespace kohort::text

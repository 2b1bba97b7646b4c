// Samples come once an epoch, in an order that is a function of the seed; draws and drops are replayable.
#include "train/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "corpus_fixture.h"
#include "parallel/thread_communicator.h"
#include "train/epoch_permutation.h"

namespace kohort::train {
namespace {

std::vector<std::int64_t> permuted(std::int64_t n, std::uint64_t seed, std::uint64_t epoch) {
    const EpochPermutation permutation(n, seed, epoch);
    std::vector<std::int64_t> result(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) result[static_cast<std::size_t>(i)] = permutation(i);
    return result;
}

TEST(EpochPermutation, is_a_permutation_of_any_size) {
    for (const std::int64_t n : {1, 2, 3, 4, 5, 15, 16, 17, 1000, 4097}) {
        auto order = permuted(n, 3, 0);
        std::sort(order.begin(), order.end());
        for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i) << n;
    }
}

TEST(EpochPermutation, differs_by_seed_and_by_epoch) {
    EXPECT_EQ(permuted(100, 1, 0), permuted(100, 1, 0));
    EXPECT_NE(permuted(100, 1, 0), permuted(100, 2, 0));
    EXPECT_NE(permuted(100, 1, 0), permuted(100, 1, 1));
}

TEST(EpochPermutation, puts_every_sample_everywhere_equally_often) {
    // Chi-square of (sample, place) over many epochs; 6 * 6 cells with rows and columns fixed: 25 degrees of freedom.
    constexpr std::int64_t n = 6;
    constexpr int epochs = 6000;
    std::vector<double> seen(n * n, 0);
    for (int epoch = 0; epoch < epochs; ++epoch) {
        const auto order = permuted(n, 11, static_cast<std::uint64_t>(epoch));
        for (std::int64_t i = 0; i < n; ++i) seen[static_cast<std::size_t>(i * n + order[static_cast<std::size_t>(i)])] += 1;
    }
    const double expected = static_cast<double>(epochs) / n;
    double chi_square = 0;
    for (const double count : seen) chi_square += (count - expected) * (count - expected) / expected;
    EXPECT_LT(chi_square, 52.6);  // p = 0.001
}

TEST(SampleStream, never_gives_a_sample_twice_in_an_epoch_and_none_is_left_out) {
    const SampleStream stream(50, 8, 7);
    std::vector<std::int64_t> all;
    for (std::int64_t step = 0; step < 25; ++step) {  // 200 samples: 4 epochs
        const auto samples = stream.samples(step);
        all.insert(all.end(), samples.begin(), samples.end());
    }
    for (int epoch = 0; epoch < 4; ++epoch)
        EXPECT_EQ(std::set<std::int64_t>(all.begin() + epoch * 50, all.begin() + (epoch + 1) * 50).size(), 50U) << epoch;
}

TEST(SampleStream, a_batch_is_at_most_the_population) {
    EXPECT_EQ(SampleStream(5, 8, 1).samples(3).size(), 5U);
}

TEST(DropTokens, drops_the_share_it_was_asked_for_and_never_all) {
    std::vector<text::TokenId> ids(40);
    std::iota(ids.begin(), ids.end(), 5);
    std::int64_t kept = 0;
    for (int position = 0; position < 500; ++position) {
        const auto left = drop_tokens(ids, 0.3, 1, position, 0);
        kept += std::ssize(left);
        ASSERT_TRUE(std::is_sorted(left.begin(), left.end()));
    }
    EXPECT_NEAR(static_cast<double>(kept) / (500 * 40), 0.7, 0.015);
    const std::vector<text::TokenId> two{5, 6};
    for (int position = 0; position < 200; ++position) ASSERT_FALSE(drop_tokens(two, 0.95, 1, position, 0).empty());
    EXPECT_EQ(drop_tokens(ids, 0, 1, 0, 0), ids);
}

TEST(DropTokens, what_is_left_out_is_all_the_rest) {
    std::vector<text::TokenId> ids(40);
    std::iota(ids.begin(), ids.end(), 5);
    for (int position = 0; position < 50; ++position) {
        auto both = drop_tokens(ids, 0.4, 1, position, 2);
        const auto rest = tokens_left_out(ids, 0.4, 1, position, 2);
        ASSERT_TRUE(std::is_sorted(rest.begin(), rest.end()));
        both.insert(both.end(), rest.begin(), rest.end());
        std::sort(both.begin(), both.end());
        ASSERT_EQ(both, ids);
    }
    EXPECT_EQ(tokens_left_out(ids, 0, 1, 0, 0), ids) << "where nothing is left out, all of it";
}

TEST(DropTokens, depends_on_seed_position_and_slot) {
    std::vector<text::TokenId> ids(64, 7);
    std::iota(ids.begin(), ids.end(), 5);
    const auto drop = drop_tokens(ids, 0.5, 1, 2, 3);
    EXPECT_EQ(drop_tokens(ids, 0.5, 1, 2, 3), drop);
    EXPECT_NE(drop_tokens(ids, 0.5, 2, 2, 3), drop);
    EXPECT_NE(drop_tokens(ids, 0.5, 1, 3, 3), drop);
    EXPECT_NE(drop_tokens(ids, 0.5, 1, 2, 4), drop);
}

TEST(DrawSides, draws_different_texts_for_two_equal_sides) {
    MadeCorpus corpus;
    corpus.info.partitions = 1;
    corpus.info.text_bytes = {1};
    corpus.partitions.resize(1);
    corpus::UserDocument user{"u", {}};
    for (char letter = 'a'; letter < 'h'; ++letter) user.events.push_back({0, 0, "", std::string(1, letter)});  // 7 texts
    corpus.partitions[0].users = {user};
    const auto comm = parallel::make_single_communicator();
    const TokenStore store(*comm, corpus.info, [&](std::int32_t) { return corpus.partitions[0]; }, LetterTokenizer(), 1, 32);

    std::set<std::vector<Sequence>> draws;
    for (std::int64_t position = 0; position < 20; ++position) {
        const auto sequences = draw_sides(store, 0, position, {.seed = 5, .side_events = 4, .drop_tokens = 0.5, .max_tokens = 8});
        ASSERT_EQ(sequences.size(), 6U);  // 7 texts make two sides of three
        EXPECT_EQ(std::set<Sequence>(sequences.begin(), sequences.end()).size(), 6U);
        for (const Sequence& sequence : sequences) EXPECT_THAT(sequence, testing::ElementsAre(2, testing::Ge(5), 3));
        draws.insert(sequences);
    }
    EXPECT_GT(draws.size(), 18U);
    EXPECT_EQ(draw_sides(store, 0, 0, {.seed = 5, .side_events = 2}).size(), 4U);

    // All of a user's texts, or so many; and what was left out of the first, which here is the letter itself.
    EXPECT_EQ(draw_sides(store, 0, 0, {.seed = 5, .side_events = 4, .pairs = PairKind::rest}).size(), 7U);
    const auto some = draw_sides(store, 0, 0, {.seed = 5, .side_events = 2, .pairs = PairKind::rest, .left_out = true});
    ASSERT_EQ(some.size(), 5U);
    EXPECT_EQ(some.back(), some.front());
    EXPECT_EQ(text_keys(store, 0, 0, {.seed = 5, .side_events = 2, .pairs = PairKind::rest, .left_out = true}).size(), 4U);
}

TEST(DrawText, is_cut_with_its_special_tokens) {
    MadeCorpus corpus;
    corpus.info.partitions = 1;
    corpus.info.text_bytes = {1};
    corpus.partitions.resize(1);
    corpus.partitions[0].users = {{"u", {{0, 0, "", "abcdefgh"}}}};
    const auto comm = parallel::make_single_communicator();
    const TokenStore store(*comm, corpus.info, [&](std::int32_t) { return corpus.partitions[0]; }, LetterTokenizer(), 1, 32);
    EXPECT_THAT(draw_text(store, 0, 5), testing::ElementsAre(2, 5, 6, 7, 3));
}

}  // namespace
}  // namespace kohort::train

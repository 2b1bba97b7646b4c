// Who is held out, that training never draws them, and when a training has had enough.
#include "train/held_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "corpus_fixture.h"
#include "parallel/thread_communicator.h"
#include "train/evaluation.h"
#include "train/sampler.h"

namespace kohort::train {
namespace {

struct Chosen {
    std::vector<std::int64_t> users, texts;  // samples
    std::int64_t all_users = 0, all_texts = 0;
    std::set<std::int64_t> texts_of_users;   // those of `users`
};

Chosen choose(const MadeCorpus& corpus, int ranks, double share, std::uint64_t seed) {
    std::vector<Chosen> by_rank(static_cast<std::size_t>(ranks));
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                               LetterTokenizer(), 1, 32);
        auto& chosen = by_rank[static_cast<std::size_t>(comm.rank())];
        chosen = {held_out_samples(comm, store, SampleUnit::user, share, seed), held_out_samples(comm, store, SampleUnit::text, share, seed),
                  store.samples(SampleUnit::user), store.samples(SampleUnit::text), {}};
        for (const std::int64_t user : chosen.users) {
            if (store.owner(SampleUnit::user, user) != comm.rank()) continue;
            const auto range = store.texts_of_user(user);
            for (std::int64_t i = 0; i < range.count; ++i) chosen.texts_of_users.insert(range.first + i);
        }
    });
    for (const Chosen& chosen : by_rank) {
        EXPECT_EQ(chosen.users, by_rank[0].users);
        EXPECT_EQ(chosen.texts, by_rank[0].texts);
        by_rank[0].texts_of_users.insert(chosen.texts_of_users.begin(), chosen.texts_of_users.end());
    }
    return by_rank[0];
}

TEST(HeldOut, is_the_same_at_any_number_of_ranks_and_changes_with_the_seed) {
    const MadeCorpus corpus = make_corpus(200, 7);
    const Chosen one = choose(corpus, 1, 0.2, 1);
    EXPECT_TRUE(std::is_sorted(one.users.begin(), one.users.end()));
    EXPECT_TRUE(std::is_sorted(one.texts.begin(), one.texts.end()));
    for (const int ranks : {2, 3, 5, 9}) {
        const Chosen many = choose(corpus, ranks, 0.2, 1);
        EXPECT_EQ(many.users, one.users) << ranks;
        EXPECT_EQ(many.texts, one.texts) << ranks;
    }
    EXPECT_NE(choose(corpus, 2, 0.2, 2).users, one.users);
    EXPECT_TRUE(choose(corpus, 2, 0, 1).users.empty());
    EXPECT_EQ(std::ssize(choose(corpus, 2, 1, 1).texts), one.all_texts);
}

TEST(HeldOut, is_about_the_share_it_was_asked_for) {
    const Chosen chosen = choose(make_corpus(3000, 16), 2, 0.1, 5);
    const auto share = static_cast<double>(chosen.users.size()) / static_cast<double>(chosen.all_users);
    EXPECT_NEAR(share, 0.1, 4 * std::sqrt(0.09 / static_cast<double>(chosen.all_users)));
}

// What one objective leaves out, another must not have learnt from.
TEST(HeldOut, is_users_with_all_their_texts_for_every_objective) {
    const Chosen chosen = choose(make_corpus(200, 7), 3, 0.3, 1);
    const std::set<std::int64_t> texts(chosen.texts.begin(), chosen.texts.end());
    EXPECT_TRUE(std::includes(texts.begin(), texts.end(), chosen.texts_of_users.begin(), chosen.texts_of_users.end()));
    // What is more are users with one text alone, who are no sample of the other unit.
    EXPECT_GT(texts.size(), chosen.texts_of_users.size());
    EXPECT_LT(texts.size(), chosen.texts_of_users.size() * 5 / 4);
}

TEST(SampleStream, draws_all_samples_but_those_left_out) {
    for (const std::vector<std::int64_t>& left_out :
         {std::vector<std::int64_t>{}, {0}, {0, 1, 2, 3}, {29}, {28, 29}, {3, 4, 9, 17, 18, 19, 27}, {0, 2, 4, 6, 8, 10, 12, 29}}) {
        const SampleStream stream(30, 7, 5, left_out);
        std::set<std::int64_t> expected;
        for (std::int64_t sample = 0; sample < 30; ++sample)
            if (!std::binary_search(left_out.begin(), left_out.end(), sample)) expected.insert(sample);
        std::vector<std::int64_t> drawn;
        const auto epoch = std::ssize(expected);
        for (std::int64_t step = 0; step * stream.batch() < 3 * epoch; ++step)
            for (const std::int64_t sample : stream.samples(step)) drawn.push_back(sample);
        for (std::int64_t e = 0; e < 3; ++e)
            EXPECT_EQ(std::set<std::int64_t>(drawn.begin() + e * epoch, drawn.begin() + (e + 1) * epoch), expected);
    }
}

TEST(EarlyStopping, waits_for_as_many_evaluations_as_it_was_told) {
    HeldOutLoss evaluations;
    EXPECT_FALSE(patience_is_over(evaluations, 2));
    const auto over_after = [&](double loss, std::int64_t patience) {
        evaluations.emplace_back(std::ssize(evaluations), loss);
        return patience_is_over(evaluations, patience);
    };
    EXPECT_FALSE(over_after(3, 2));
    EXPECT_FALSE(over_after(2, 2));
    EXPECT_FALSE(over_after(2, 2));  // equal is not lower
    EXPECT_EQ(best_evaluation(evaluations), 1U);
    EXPECT_TRUE(over_after(5, 2));
    EXPECT_FALSE(patience_is_over(evaluations, 3));
    EXPECT_FALSE(patience_is_over(evaluations, 0));
    EXPECT_FALSE(over_after(1, 2));
    EXPECT_EQ(best_evaluation(evaluations), 4U);
}

TEST(EarlyStopping, a_loss_that_is_no_number_is_never_the_best) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(best_evaluation({{0, nan}, {1, 7}, {2, nan}, {3, 6}}), 3U);
    EXPECT_TRUE(patience_is_over({{0, 7}, {1, nan}, {2, nan}}, 2));
}

}  // namespace
}  // namespace kohort::train

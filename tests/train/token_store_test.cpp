// A rank holds its own partitions' texts and no others; samples are numbered alike at any number of ranks.
#include "train/token_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "corpus_fixture.h"
#include "parallel/collectives.h"
#include "parallel/thread_communicator.h"

namespace kohort::train {
namespace {

using Texts = std::vector<std::vector<text::TokenId>>;

// All samples of a corpus as `ranks` ranks hold them together: by user, then by text.
struct Held {
    std::vector<Texts> users;
    Texts texts;
};

Held hold(const MadeCorpus& corpus, int ranks, std::vector<std::set<std::int32_t>>* read = nullptr) {
    Held held;
    std::mutex mutex;
    if (read) read->assign(static_cast<std::size_t>(ranks), {});
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        const LetterTokenizer tokenizer;
        const auto source = [&](std::int32_t partition) {
            std::lock_guard lock(mutex);
            if (read) (*read)[static_cast<std::size_t>(comm.rank())].insert(partition);
            return corpus.partitions[static_cast<std::size_t>(partition)];
        };
        const TokenStore store(comm, corpus.info, source, tokenizer, 2, 10);
        std::lock_guard lock(mutex);
        held.users.resize(static_cast<std::size_t>(store.samples(SampleUnit::user)));
        held.texts.resize(static_cast<std::size_t>(store.samples(SampleUnit::text)));
        for (std::int64_t sample = 0; sample < store.samples(SampleUnit::user); ++sample) {
            if (store.owner(SampleUnit::user, sample) != comm.rank()) continue;
            const auto range = store.texts_of_user(sample);
            for (std::int64_t t = range.first; t < range.first + range.count; ++t) {
                EXPECT_EQ(store.owner(SampleUnit::text, t), comm.rank());
                const auto ids = store.ids_of_text(t);
                held.users[static_cast<std::size_t>(sample)].emplace_back(ids.begin(), ids.end());
            }
        }
        for (std::int64_t sample = 0; sample < store.samples(SampleUnit::text); ++sample) {
            if (store.owner(SampleUnit::text, sample) != comm.rank()) continue;
            const auto ids = store.ids_of_text(sample);
            held.texts[static_cast<std::size_t>(sample)].assign(ids.begin(), ids.end());
        }
    });
    return held;
}

TEST(TokenStore, holds_each_users_different_texts_in_event_order) {
    MadeCorpus corpus;
    corpus.info.partitions = 2;
    corpus.info.text_bytes = {10, 10};
    corpus.partitions.resize(2);
    corpus.partitions[0].users = {{"one", {{0, 0, "", "ab"}, {0, 0, "", "ab"}}},
                                  {"two", {{0, 0, "", "cd"}, {0, 0, "", ""}, {0, 0, "", "abcdefghijklmn"}, {0, 0, "", "cd"}}}};
    corpus.partitions[1].users = {{"none", {}}, {"three", {{0, 0, "", "b"}, {0, 0, "", "a"}, {0, 0, "", "c"}}}};
    const Held held = hold(corpus, 1);
    EXPECT_THAT(held.users, testing::ElementsAre(Texts{{7, 8}, {5, 6, 7, 8, 9, 10, 11, 12, 13, 14}}, Texts{{6}, {5}, {7}}));
    EXPECT_THAT(held.texts, testing::SizeIs(6));
}

TEST(TokenStore, numbers_samples_alike_at_any_number_of_ranks_even_with_more_ranks_than_partitions) {
    const MadeCorpus corpus = make_corpus(60, 7);
    const Held one = hold(corpus, 1);
    ASSERT_GT(one.users.size(), 20U);
    for (const int ranks : {2, 3, 5, 9}) {
        const Held many = hold(corpus, ranks);
        EXPECT_EQ(many.users, one.users) << ranks;
        EXPECT_EQ(many.texts, one.texts) << ranks;
    }
}

TEST(TokenStore, every_partition_is_read_by_one_rank) {
    const MadeCorpus corpus = make_corpus(60, 12);
    std::vector<std::set<std::int32_t>> read;
    hold(corpus, 3, &read);
    std::set<std::int32_t> all;
    std::size_t count = 0;
    for (const auto& rank : read) {
        all.insert(rank.begin(), rank.end());
        count += rank.size();
    }
    EXPECT_EQ(all.size(), 12U);
    EXPECT_EQ(count, 12U);
}

TEST(SplitByBytes, gives_ranks_contiguous_ranges_of_about_equal_text) {
    EXPECT_THAT(split_by_bytes({100, 100, 100, 100}, 2), testing::ElementsAre(0, 2, 4));
    EXPECT_THAT(split_by_bytes({300, 100, 100, 100}, 2), testing::ElementsAre(0, 1, 4));
    EXPECT_THAT(split_by_bytes({5}, 3), testing::ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(split_by_bytes({0, 0, 0, 0}, 2), testing::ElementsAre(0, 2, 4));
}

}  // namespace
}  // namespace kohort::train

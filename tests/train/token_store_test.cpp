// A rank holds its own partitions' texts and no others; samples are numbered alike at any number of ranks.
#include "train/token_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "corpus_fixture.h"
#include "parallel/collectives.h"
#include "parallel/thread_communicator.h"
#include "shop_fixture.h"

namespace kohort::train {
namespace {

using Texts = std::vector<std::vector<text::TokenId>>;

// All samples of a corpus as `ranks` ranks hold them together: by user, then by text.
struct Held {
    std::vector<Texts> users;
    Texts texts;
};

Held hold(const MadeCorpus& corpus, int ranks, std::vector<std::set<std::int32_t>>* read = nullptr, const StoreOptions& options = {}) {
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
        const TokenStore store(comm, corpus.info, source, tokenizer, 2, 10, options);
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

TEST(TokenStore, holds_the_same_where_memory_is_too_small_for_its_ids) {
    const MadeCorpus corpus = make_corpus(60, 7);
    const Held one = hold(corpus, 1);
    StoreOptions tiny;
    tiny.memory = 1;
    for (const int ranks : {1, 3, 9}) {
        const Held many = hold(corpus, ranks, nullptr, tiny);
        EXPECT_EQ(many.users, one.users) << ranks;
        EXPECT_EQ(many.texts, one.texts) << ranks;
    }
}

std::string letters_of(std::span<const text::TokenId> ids) {
    std::string text;
    for (const text::TokenId id : ids) text += id < LetterTokenizer::first_letter ? ' ' : static_cast<char>('a' + id - LetterTokenizer::first_letter);
    return text;
}

// What a store of the shop's users holds of each sample at `ranks` ranks.
struct Sample {
    std::vector<std::pair<std::string, std::string>> pairs;
    std::vector<std::int32_t> labels;
    friend bool operator==(const Sample&, const Sample&) = default;
};
std::vector<Sample> samples_of(const MadeCorpus& corpus, const UserRule& rule, int ranks) {
    std::vector<Sample> samples;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        StoreOptions options;
        options.users = rule;
        const TokenStore store(comm, corpus.info, [&](std::int32_t p) { return corpus.partitions[static_cast<std::size_t>(p)]; },
                               LetterTokenizer(), 2, 32, options);
        std::lock_guard lock(mutex);
        samples.resize(static_cast<std::size_t>(store.samples(SampleUnit::user)));
        std::int64_t visited = 0;
        store.visit_users([&](const TokenStore::User& user) {
            visited += user.sample >= 0;
            if (user.sample >= 0) {
                EXPECT_EQ(store.owner(SampleUnit::user, user.sample), comm.rank());
                EXPECT_EQ(store.texts_of_user(user.sample).first, user.first_text);
                EXPECT_EQ(store.texts_of_user(user.sample).count, user.last_text - user.first_text);
            }
        });
        for (std::int64_t sample = 0; sample < store.samples(SampleUnit::user); ++sample) {
            if (store.owner(SampleUnit::user, sample) != comm.rank()) continue;
            --visited;
            Sample& held = samples[static_cast<std::size_t>(sample)];
            for (std::int64_t pair = 0; pair < store.pairs_of_user(sample); ++pair) {
                const auto [first, second] = store.pair_of_user(sample, pair);
                held.pairs.emplace_back(letters_of(first), letters_of(second));
            }
            const auto labels = store.labels_of_user(sample);
            held.labels.assign(labels.begin(), labels.end());
        }
        EXPECT_EQ(visited, 0);
    });
    return samples;
}

TEST(TokenStore, pairs_a_search_with_the_item_that_follows_it) {
    MadeCorpus corpus;
    corpus.info.partitions = 1;
    corpus.info.text_bytes = {10};
    corpus.partitions = {{0, {"pv", "search"}, {}}};
    auto& users = corpus.partitions[0].users;
    users.push_back({"both", {{0, 1, "", "q"}, {0, 0, "", "note"}, {0, 0, "i1", "item"}, {0, 0, "i2", "other"}}});
    users.push_back({"later search counts", {{0, 1, "", "a"}, {0, 1, "", "b"}, {0, 0, "i1", "item"}}});
    users.push_back({"once", {{0, 1, "", "q"}, {0, 0, "i1", "item"}, {0, 1, "", "q"}, {0, 0, "i1", "item"}}});
    users.push_back({"item first", {{0, 0, "i1", "item"}, {0, 1, "", "q"}}});
    users.push_back({"same text", {{0, 1, "", "q"}, {0, 0, "i1", "q"}}});
    users.push_back({"no text", {{0, 1, "", "q"}, {0, 0, "i1", ""}, {0, 0, "i2", "other"}}});
    const auto samples = samples_of(corpus, {UserSample::query_and_item, "search", {}, {}}, 1);
    ASSERT_EQ(samples.size(), 3U);
    EXPECT_THAT(samples[0].pairs, testing::ElementsAre(testing::Pair("q", "item")));
    EXPECT_THAT(samples[1].pairs, testing::ElementsAre(testing::Pair("b", "item")));
    EXPECT_THAT(samples[2].pairs, testing::ElementsAre(testing::Pair("q", "item")));
    EXPECT_TRUE(samples_of(corpus, {UserSample::query_and_item, "find", {}, {}}, 1).empty());
}

TEST(TokenStore, pairs_a_text_with_the_category_of_its_item) {
    MadeCorpus corpus;
    corpus.info.partitions = 1;
    corpus.info.text_bytes = {10};
    corpus.partitions = {{0, {}, {}}};
    corpus.partitions[0].users = {{"u", {{0, 0, "i1", "one"}, {0, 0, "i2", "two"}, {0, 0, "", "none"}, {0, 0, "i3", "three"}}},
                                  {"v", {{0, 0, "i3", "three"}}}, {"w", {{0, 0, "i4", "four"}}}};
    const UserRule rule{UserSample::text_and_category, "", [](std::string_view item) {
                            return item == "i3" ? std::string_view() : item == "i1" ? std::string_view("books") : std::string_view("shoes");
                        }, {}};
    const auto samples = samples_of(corpus, rule, 1);
    ASSERT_EQ(samples.size(), 2U);
    EXPECT_THAT(samples[0].pairs, testing::ElementsAre(testing::Pair("one", "books"), testing::Pair("two", "shoes")));
    EXPECT_THAT(samples[1].pairs, testing::ElementsAre(testing::Pair("four", "shoes")));
}

TEST(TokenStore, pairs_and_labels_are_the_same_at_any_number_of_ranks) {
    const MadeCorpus corpus = make_shop(80, 6);
    const UserRule rules[] = {{UserSample::query_and_item, "search", {}, {}},
                              {UserSample::text_and_category, "", shop_category, {}},
                              {UserSample::labelled, "", {}, [](std::string_view user) { return shop_labels(user, true); }},
                              {UserSample::any_text, "", {}, {}}};
    for (const UserRule& rule : rules) {
        const auto one = samples_of(corpus, rule, 1);
        EXPECT_GT(one.size(), 20U);
        for (const int ranks : {2, 3, 5, 9}) EXPECT_EQ(samples_of(corpus, rule, ranks), one) << ranks;
    }
}

TEST(TokenStore, remembers_where_words_begin) {
    MadeCorpus corpus;
    corpus.info.partitions = 1;
    corpus.info.text_bytes = {1};
    corpus.partitions = {{0, {}, {{"u", {{0, 0, "", "ab cde"}, {0, 0, "", "f"}}}}}};
    const auto comm = parallel::make_single_communicator();
    StoreOptions options;
    options.words = true;
    const TokenStore store(*comm, corpus.info, [&](std::int32_t) { return corpus.partitions[0]; }, LetterTokenizer(), 1, 5, options);
    std::string marks;
    for (std::int64_t place = 0; place < 5; ++place) marks += store.goes_on(0, place) ? '+' : '.';
    EXPECT_EQ(marks.substr(0, 2), ".+");
    EXPECT_EQ(marks.substr(4), "+");
    EXPECT_FALSE(store.goes_on(1, 0)) << "the text before was cut, and its marks with it";
}

TEST(SplitByBytes, gives_ranks_contiguous_ranges_of_about_equal_text) {
    EXPECT_THAT(split_by_bytes({100, 100, 100, 100}, 2), testing::ElementsAre(0, 2, 4));
    EXPECT_THAT(split_by_bytes({300, 100, 100, 100}, 2), testing::ElementsAre(0, 1, 4));
    EXPECT_THAT(split_by_bytes({5}, 3), testing::ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(split_by_bytes({0, 0, 0, 0}, 2), testing::ElementsAre(0, 2, 4));
}

}  // namespace
}  // namespace kohort::train

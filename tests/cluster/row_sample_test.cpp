#include "cluster/row_sample.h"

#include <gtest/gtest.h>

#include <map>

#include "sharded.h"

namespace kohort::cluster {
namespace {

// Row i is (i, -i).
std::vector<float> numbered(std::int64_t rows) {
    std::vector<float> values;
    for (std::int64_t i = 0; i < rows; ++i) values.insert(values.end(), {static_cast<float>(i), static_cast<float>(-i)});
    return values;
}

// The sample as id -> first value, of all ranks.
std::map<std::int64_t, float> drawn(const std::vector<float>& values, std::int64_t most, std::uint64_t seed, int ranks,
                                    const std::vector<Shard>& shards) {
    std::map<std::int64_t, float> all;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        std::vector<RowBlock> blocks;
        for (const auto& shard : shards) {
            const auto first = static_cast<std::size_t>(2 * shard.first), count = static_cast<std::size_t>(2 * shard.count);
            if (shard.rank == comm.rank()) blocks.push_back({std::span(values).subspan(first, count), shard.first, {}});
        }
        const auto sample = draw_rows(comm, RowSet(comm, blocks, 2, 1), most, seed);
        std::lock_guard lock(mutex);
        EXPECT_EQ(sample.of, static_cast<std::int64_t>(values.size()) / 2);
        EXPECT_EQ(sample.rows, std::min(most, sample.of));
        ASSERT_EQ(sample.values.size(), 2 * sample.row_ids.size());
        for (std::size_t i = 0; i < sample.row_ids.size(); ++i) {
            EXPECT_EQ(sample.values[2 * i + 1], -sample.values[2 * i]);
            EXPECT_TRUE(all.emplace(sample.row_ids[i], sample.values[2 * i]).second) << "drawn twice";
        }
    });
    for (const auto& [id, value] : all) EXPECT_EQ(static_cast<float>(id), value);
    return all;
}

TEST(RowSample, has_exactly_as_many_rows_as_asked_for_and_the_same_for_any_shards) {
    const auto values = numbered(3000);
    for (const std::int64_t most : {1, 37, 500, 2999}) {
        const auto expected = drawn(values, most, 4, 1, even_shards(3000, 1));
        EXPECT_EQ(static_cast<std::int64_t>(expected.size()), most);
        for (const int ranks : {2, 3, 5}) {
            EXPECT_EQ(drawn(values, most, 4, ranks, even_shards(3000, ranks)), expected);
            EXPECT_EQ(drawn(values, most, 4, ranks, wild_shards(3000, ranks, 9)), expected);
        }
    }
}

TEST(RowSample, is_all_rows_where_there_are_no_more) {
    EXPECT_EQ(drawn(numbered(50), 50, 4, 3, wild_shards(50, 3, 2)).size(), 50u);
    EXPECT_EQ(drawn(numbered(50), 51, 4, 2, even_shards(50, 2)).size(), 50u);
    EXPECT_TRUE(drawn({}, 10, 4, 2, {}).empty());
}

TEST(RowSample, every_row_is_as_likely) {
    // 400 samples of 10 of 40 rows: each row about 100 times, with a standard deviation of 8.7.
    std::map<std::int64_t, int> times;
    for (std::uint64_t seed = 0; seed < 400; ++seed)
        for (const auto& [id, value] : drawn(numbered(40), 10, seed, 1, even_shards(40, 1))) ++times[id];
    ASSERT_EQ(times.size(), 40u);
    for (const auto& [id, count] : times) EXPECT_NEAR(count, 100, 5 * 8.7) << id;
}

}  // namespace
}  // namespace kohort::cluster

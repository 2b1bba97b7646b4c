// Rows that are streamed come in chunks, and all of them once in each pass.
#include "cluster/row_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "base/error.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

// 700,000 rows of 13 numbers that tell their place: more than two chunks.
class CountingSource : public RowSource {
  public:
    std::int64_t dimensions() const override { return 13; }
    const std::vector<Range>& ranges() const override { return ranges_; }
    void read(std::size_t range, std::int64_t first, std::span<float> into) const override {
        for (std::size_t i = 0; i < into.size(); ++i)
            into[i] =
                value(ranges_[range].first_row + first + static_cast<std::int64_t>(i) / 13, static_cast<std::int64_t>(i) % 13);
        ++reads;
        if (fail_at >= 0 && reads > fail_at) base::fail(base::ErrorKind::environment, "the disk is gone");
    }
    static float value(std::int64_t row, std::int64_t j) { return static_cast<float>((row * 31 + j) % 10007); }
    mutable std::atomic<int> reads{0};
    int fail_at = -1;

  private:
    std::vector<Range> ranges_ = {{0, 400'000}, {400'000, 0}, {400'000, 300'000}};
};

TEST(RowSet, streams_every_row_once_in_each_pass) {
    parallel::run_thread_ranks(1, [](parallel::Communicator& comm) {
        const CountingSource source;
        const RowSet rows(comm, source, 2, true);
        EXPECT_EQ(rows.global_rows(), 700'000);
        EXPECT_EQ(rows.largest_component(), 10006);
        const int chunks = source.reads - 1;  // and the first row by itself
        EXPECT_EQ(chunks, 3);  // two of the first range, one of the last
        std::vector<std::uint8_t> seen(700'000);
        rows.for_each_tile([&](const RowTile& tile, int) {
            for (std::int64_t i = 0; i < tile.count; ++i) {
                ++seen[static_cast<std::size_t>(tile.first_local + i)];
                ASSERT_EQ(tile.values[i * 13 + 7], CountingSource::value(tile.row_id(i), 7));
            }
        });
        EXPECT_EQ(source.reads, 1 + 2 * chunks);
        EXPECT_THAT(seen, testing::Each(1));
    });
}

TEST(RowSet, gathers_single_rows_and_runs_of_rows_from_anywhere) {
    parallel::run_thread_ranks(1, [](parallel::Communicator& comm) {
        const CountingSource source;
        const RowSet rows(comm, source, 1, true);
        std::vector<std::int64_t> wanted = {5, 399'999, 400'000, 699'999, 3};
        for (std::int64_t row = 1000; row < 1400; row += 7) wanted.push_back(row);
        const int before = source.reads;
        const auto values = rows.rows_at(wanted);
        EXPECT_LT(source.reads - before, 20);  // neighbours came together
        for (std::size_t i = 0; i < wanted.size(); ++i)
            for (std::int64_t j = 0; j < 13; ++j)
                ASSERT_EQ(values[i * 13 + static_cast<std::size_t>(j)], CountingSource::value(wanted[i], j)) << wanted[i];
    });
}

TEST(RowSet, a_failing_read_is_the_jobs_error) {
    parallel::run_thread_ranks(1, [](parallel::Communicator& comm) {
        CountingSource source;
        const RowSet rows(comm, source, 1, true);
        source.fail_at = source.reads + 1;
        EXPECT_THROW(rows.for_each_tile([](const RowTile&, int) {}), base::Error);
    });
}

TEST(RowSet, sums_the_squares_exactly_wherever_rows_lie) {
    const auto values = blobs(3, 100, 5, 1, 3);
    double plain = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
        plain += std::pow(static_cast<double>(values[i]) - static_cast<double>(values[i % 5]), 2);
    double first = 0;
    for (const int ranks : {1, 2, 5}) {
        const auto shards = wild_shards(300, ranks, 4);
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
            const ShardSource source(values, 5, shards, comm.rank());
            const RowSet rows(comm, source, 1, ranks == 2);
            if (comm.is_root() && ranks == 1) first = rows.sum_of_squares();
            EXPECT_TRUE(std::ranges::equal(rows.first_row(), std::span(values).first(5)));
            EXPECT_NEAR(rows.sum_of_squares(), plain, 1e-12 * plain);
            EXPECT_EQ(rows.sum_of_squares(), first);
        });
    }
}

}  // namespace
}  // namespace kohort::cluster

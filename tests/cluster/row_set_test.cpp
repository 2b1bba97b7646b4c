// Rows that are streamed come in chunks, and all of them once in each pass.
#include "cluster/row_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "parallel/heartbeat.h"
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

// Whether all are equal, by each of two ranks that have half of them each.
bool all_equal(const std::vector<float>& values, std::int64_t d, const std::vector<float>& weights = {}) {
    std::array<bool, 2> equal{};
    parallel::run_thread_ranks(2, [&](parallel::Communicator& comm) {
        const auto rank = static_cast<std::size_t>(comm.rank());
        const auto half = [rank]<class T>(const std::vector<T>& all) {
            return std::span(all).subspan(rank * all.size() / 2, all.size() / 2);
        };
        const auto mine = half(values), weighing = half(weights);
        const RowBlock block{mine, static_cast<std::int64_t>(rank * mine.size()) / d, {}};
        equal[rank] = RowSet(comm, std::span(&block, 1), d, 1, {weighing.begin(), weighing.end()}).all_equal();
    });
    EXPECT_EQ(equal[0], equal[1]);
    return equal[0];
}

TEST(RowSet, tells_whether_all_rows_are_equal) {
    EXPECT_TRUE(all_equal({3, 3, 3, 3}, 1));
    EXPECT_TRUE(all_equal({0.0f, 0, -0.0f, 0}, 1));
    EXPECT_FALSE(all_equal({3, 3, 3, std::nextafter(3.0f, 4.0f)}, 1));
    EXPECT_FALSE(all_equal({0, 1e-45f, 0, 0}, 1));
    EXPECT_TRUE(all_equal({3, 5, 3, 3}, 1, {1, 0, 2, 1}));
    // What is nothing to the sum of squares, beside a huge component and beside heavy rows.
    EXPECT_FALSE(all_equal({1e30f, 1, 1e30f, 2}, 2));
    EXPECT_FALSE(all_equal({7, 7, std::nextafter(7.0f, 0.0f), 7}, 1, {1e20f, 1e20f, 1e-20f, 1e20f}));
}

std::string warning_of(const std::vector<float>& values, std::int64_t d, int ranks, bool streamed,
                       const std::vector<float>& weights = {}) {
    std::vector<std::string> warnings(static_cast<std::size_t>(ranks));
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        const auto shards = wild_shards(static_cast<std::int64_t>(values.size()) / d, ranks, 3);
        const ShardSource source(values, d, shards, comm.rank());
        std::vector<float> mine;
        if (!weights.empty())
            for (const auto& range : source.ranges())
                mine.insert(mine.end(), weights.begin() + range.first_row, weights.begin() + range.first_row + range.rows);
        const RowSet rows(comm, source, 2, streamed, mine);
        warnings[static_cast<std::size_t>(comm.rank())] = rows.warning_of_coarse_sums(comm);
    });
    EXPECT_THAT(warnings, testing::Each(warnings[0]));
    return warnings[0];
}

TEST(RowSet, warns_where_one_value_takes_the_digits_of_most_rows) {
    auto values = blobs(3, 200, 4, 1, 71);
    for (const int ranks : {1, 3}) EXPECT_EQ(warning_of(values, 4, ranks, false), "");
    values[4 * 123 + 2] = -1e13f;
    for (const int ranks : {1, 3})
        for (const bool streamed : {false, true}) {
            const auto warning = warning_of(values, 4, ranks, streamed);
            EXPECT_THAT(warning, testing::AllOf(testing::HasSubstr("1e+13 in row 123 "), testing::HasSubstr("599 of 600 rows"),
                                                testing::HasSubstr("remove or clip")));
        }
    std::vector<float> weights(600, 1.0f);
    weights[123] = 0;
    EXPECT_EQ(warning_of(values, 4, 2, false, weights), "") << "a row without weight is in no sum";
    // Few rows that are small beside the others are none to warn of, and neither are rows of zeros.
    auto some_small = blobs(3, 200, 4, 1, 72);
    std::fill_n(some_small.begin(), 4 * 250, 1e-12f);
    EXPECT_EQ(warning_of(some_small, 4, 2, false), "");
    std::fill_n(some_small.begin(), 4 * 590, 0.0f);
    EXPECT_EQ(warning_of(some_small, 4, 2, false), "");
}

// One range of 160 MB.
class LargeSource : public RowSource {
  public:
    std::int64_t dimensions() const override { return 1000; }
    const std::vector<Range>& ranges() const override { return ranges_; }
    void read(std::size_t, std::int64_t first, std::span<float> into) const override {
        const auto beats = parallel::heartbeats();
        EXPECT_TRUE(first == 0 || beats > beats_) << "no sign of life between two reads";
        beats_ = beats;
        largest_ = std::max(largest_, into.size());
        for (std::size_t at = 0; at < into.size(); at += 1000) into[at] = static_cast<float>(first);
    }
    std::size_t largest() const { return largest_; }

  private:
    std::vector<Range> ranges_ = {{0, 40'000}};
    mutable std::uint64_t beats_ = 0;
    mutable std::size_t largest_ = 0;
};

TEST(RowSet, gives_signs_of_life_while_it_reads_into_memory) {
    parallel::run_thread_ranks(1, [](parallel::Communicator& comm) {
        const LargeSource source;
        const RowSet rows(comm, source, 1, false);
        EXPECT_LE(source.largest(), std::size_t{1} << 24);
        EXPECT_EQ(rows.largest_component(), 39'999 / 16'777 * 16'777) << "the last piece's first row";
    });
}

}  // namespace
}  // namespace kohort::cluster

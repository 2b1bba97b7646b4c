#include "corpus/keyed_shuffle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <random>

#include "base/hash.h"
#include "corpus/deduplicator.h"
#include "corpus/user_document.h"
#include "parallel/thread_communicator.h"

namespace kohort::corpus {
namespace {

struct Plain {
    std::string key, value;
    std::int32_t file;
    std::int64_t offset;
    auto operator<=>(const Plain&) const = default;
};

std::vector<Plain> some_records(int count) {
    std::mt19937 random(23);
    std::vector<Plain> records;
    for (int i = 0; i < count; ++i)
        records.push_back({"key" + std::to_string(random() % 200), std::string(random() % 40, 'v') + std::to_string(random() % 3),
                           static_cast<std::int32_t>(i * 2 / count), i});
    return records;
}

TEST(KeyedShuffle, every_record_arrives_once_at_the_owner_of_its_key_in_order) {
    const auto all = some_records(3000);
    for (const int ranks : {1, 2, 3, 5, 8})
        for (const std::int64_t round_bytes : {std::int64_t{100}, std::int64_t{1} << 26}) {
            std::mutex mutex;
            std::map<int, std::vector<Plain>> arrived;
            parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
                KeyedShuffle shuffle(comm, round_bytes);
                // Unequal shares: the last rank has most, the first of several has none.
                const auto share = [&](int rank) { return all.size() * static_cast<std::size_t>(rank * rank) / static_cast<std::size_t>(ranks * ranks); };
                auto next = ranks == 1 ? 0 : share(comm.rank());
                const auto last = ranks == 1 ? all.size() : share(comm.rank() + 1);
                for (int round = 0; round < 40; ++round) {  // the same number of rounds on all ranks
                    while (next < last && (!shuffle.round_is_full() || round == 39)) {
                        const auto& record = all[next++];
                        shuffle.add(record.file, record.offset, record.key, record.value);
                    }
                    shuffle.exchange();
                }
                std::vector<Plain> mine;
                for (const auto& record : shuffle.sorted()) {
                    EXPECT_EQ(owner_of_hash(record.hash, ranks), comm.rank());
                    EXPECT_EQ(record.hash, base::hash64(record.key));
                    mine.push_back({std::string(record.key), std::string(record.value), record.file, record.offset});
                }
                std::lock_guard lock(mutex);
                arrived[comm.rank()] = mine;
            });
            std::vector<Plain> together;
            for (const auto& [rank, records] : arrived) together.insert(together.end(), records.begin(), records.end());
            auto expected = all;
            std::sort(expected.begin(), expected.end(), [](const Plain& a, const Plain& b) {
                return std::tuple(base::hash64(a.key), a.key, a.file, a.offset) < std::tuple(base::hash64(b.key), b.key, b.file, b.offset);
            });
            EXPECT_EQ(together, expected) << ranks;
        }
}

TEST(KeyedShuffle, whole_partitions_come_together_also_across_many_ranks) {
    const auto all = some_records(1000);
    for (const int ranks : {1, 2, 3, 5, 8})
        for (const std::int32_t partitions : {1, 2, 3, 7, 64}) {
            std::mutex mutex;
            std::map<int, std::vector<Plain>> held;
            parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
                KeyedShuffle shuffle(comm, 1 << 20);
                for (auto i = static_cast<std::size_t>(comm.rank()); i < all.size(); i += static_cast<std::size_t>(ranks))
                    shuffle.add(all[i].file, all[i].offset, all[i].key, all[i].value);
                shuffle.exchange();
                auto records = shuffle.sorted();
                const auto owner = [&](std::uint64_t hash) {
                    return owner_of_hash(first_hash_of(partition_of_hash(hash, partitions), partitions), ranks);
                };
                shuffle.move_down(records, owner);
                std::lock_guard lock(mutex);
                for (const auto& record : records) {
                    EXPECT_EQ(owner(record.hash), comm.rank());
                    held[comm.rank()].push_back({std::string(record.key), std::string(record.value), record.file, record.offset});
                }
            });
            std::vector<Plain> together;
            for (const auto& [rank, records] : held) together.insert(together.end(), records.begin(), records.end());
            auto expected = all;
            std::sort(expected.begin(), expected.end(), [](const Plain& a, const Plain& b) {
                return std::tuple(base::hash64(a.key), a.file, a.offset) < std::tuple(base::hash64(b.key), b.file, b.offset);
            });
            EXPECT_EQ(together, expected);
        }
}

KeyedRecord record(std::uint64_t hash, std::string_view key, std::int64_t offset, std::string_view value, std::uint64_t value_hash) {
    return {hash, 0, 0, offset, key, value, value_hash};
}

TEST(KeyedShuffle, keys_whose_hashes_collide_stay_apart) {
    std::vector<KeyedRecord> records = {record(5, "b", 1, "x", 1), record(5, "a", 2, "x", 1), record(5, "b", 3, "x", 1),
                                        record(5, "a", 4, "x", 1), record(9, "c", 5, "x", 1)};
    sort_records(records);
    std::vector<std::string> keys;
    for (const auto& r : records) keys.emplace_back(r.key);
    EXPECT_EQ(keys, (std::vector<std::string>{"a", "a", "b", "b", "c"}));
    EXPECT_EQ(count_keys(records), 3);
    EXPECT_EQ(remove_duplicates(records), 2);
    EXPECT_EQ(records.size(), 3u);
    EXPECT_EQ(records[0].offset, 2);
    EXPECT_EQ(records[1].offset, 1);
}

TEST(Deduplicator, equal_values_go_but_for_the_first_and_colliding_ones_stay) {
    std::vector<KeyedRecord> records = {record(1, "u", 10, "x", 7), record(1, "u", 20, "y", 7), record(1, "u", 30, "x", 7),
                                        record(1, "u", 40, "x", 7), record(2, "v", 50, "x", 7)};
    sort_records(records);
    EXPECT_EQ(remove_duplicates(records), 2);
    std::vector<std::int64_t> offsets;
    for (const auto& r : records) offsets.push_back(r.offset);
    EXPECT_EQ(offsets, (std::vector<std::int64_t>{10, 20, 50}));
    std::vector<KeyedRecord> none;
    EXPECT_EQ(remove_duplicates(none), 0);
}

}  // namespace
}  // namespace kohort::corpus

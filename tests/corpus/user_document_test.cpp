#include "corpus/user_document.h"

#include <gtest/gtest.h>


#include "base/error.h"
#include "base/hash.h"
#include "corpus/test_folder.h"

namespace kohort::corpus {
namespace {

TEST(UserDocument, the_partition_count_follows_the_users_only) {
    EXPECT_EQ(partition_count(0), 64);
    EXPECT_EQ(partition_count(8'000), 64);
    EXPECT_EQ(partition_count(65'536), 64);
    EXPECT_EQ(partition_count(65'537), 65);
    EXPECT_EQ(partition_count(1'000'000), 977);
    EXPECT_EQ(partition_count(std::int64_t{1} << 40), 65'536);
}

TEST(UserDocument, partitions_are_consecutive_ranges_of_the_hash) {
    for (const std::int32_t partitions : {1, 3, 64, 977, 65'536}) {
        EXPECT_EQ(first_hash_of(0, partitions), 0u);
        for (std::int32_t p = 1; p < partitions; p += 1 + partitions / 50) {
            const auto first = first_hash_of(p, partitions);
            EXPECT_EQ(partition_of_hash(first, partitions), p);
            EXPECT_EQ(partition_of_hash(first - 1, partitions), p - 1);
        }
        EXPECT_EQ(partition_of_hash(~std::uint64_t{0}, partitions), partitions - 1);
    }
    EXPECT_EQ(partition_of("u1", 977), partition_of_hash(base::hash64("u1"), 977));
}

Partition some_partition() {
    Partition partition;
    partition.index = 7;
    partition.behaviors = {"buy", "pv"};
    partition.users = {{"用户甲", {{1'700'000'000, 1, "P1", "苹果 手机"}, {1'700'000'001, 0, "", ""}}},
                       {"u2", {}},
                       {"u3", {{-5, 1, "P1", "x"}}}};
    return partition;
}

TEST(UserDocument, a_partition_comes_back_as_it_was_written) {
    const TestFolder folder;
    std::filesystem::create_directories(folder.path() / "corpus");
    const auto partition = some_partition();
    const auto digest = write_partition(folder.path(), "key", partition, 64, 9);
    EXPECT_EQ(digest, base::sha256_file(folder.path() / "corpus/part-00007.h5"));
    EXPECT_EQ(read_partition(folder.path(), 7), partition);

    Partition empty;
    empty.behaviors = partition.behaviors;
    write_partition(folder.path(), "key", empty, 64, 9);
    EXPECT_EQ(read_partition(folder.path(), 0), empty);
}

TEST(UserDocument, the_index_comes_back_and_its_absence_is_explained) {
    const TestFolder folder;
    std::filesystem::create_directories(folder.path() / "corpus");
    EXPECT_THROW(read_corpus_info(folder.path()), base::Error);
    const CorpusInfo info{3, 12, {"pv"}, {1, 0, 2}, {5, 0, 9}, {100, 0, 7}};
    write_corpus_index(folder.path(), "key", info);
    EXPECT_EQ(read_corpus_info(folder.path()), info);
}

}  // namespace
}  // namespace kohort::corpus

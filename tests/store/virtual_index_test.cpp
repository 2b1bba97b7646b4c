#include "store/virtual_index.h"

#include <cmath>
#include <cstdlib>

#include "small_run.h"
#include "store/dataset_source.h"
#include "store_fixture.h"

namespace kohort::store {
namespace {

using parallel::Communicator;
using parallel::run_thread_ranks;
using testing::AllOf;
using testing::HasSubstr;

class VirtualIndexes : public StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        make_sources(folder_ / "run", 7);
    }

    static void make_sources(const std::filesystem::path& path, int partitions) {
        SmallRun small{path};
        small.partitions = partitions;
        for (const auto* folder : {"corpus", "embedding", "segment"})
            std::filesystem::create_directories(path / folder);
        for (int p = 0; p < partitions; ++p) {
            small.write_corpus(path / "corpus" / partition_file_name(p), p);
            small.write_embedding(path / "embedding" / partition_file_name(p), p);
            small.write_segment(path / "segment" / partition_file_name(p), p);
        }
        PartitionWriter writer(path / "segment" / "centroids.h5", "segment", "k");
        const std::vector<float> centroids{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
        writer.write("/centroids", std::span<const float>(centroids), {3, 4}, Filter::none);
        writer.commit();
    }

    std::filesystem::path index() const { return folder_ / "run" / "kohort.h5"; }

    std::string write(int ranks, const VirtualIndex& wanted) const {
        std::string digest;
        run_thread_ranks(ranks, [&](Communicator& comm) {
            const auto mine = write_virtual_index(comm, folder_ / "run", wanted);
            if (comm.rank() == comm.size() - 1) digest = mine;
        });
        return digest;
    }

    std::pair<int, std::string> check(int ranks) const {
        return error_of([&] {
            run_thread_ranks(ranks, [&](Communicator& comm) { check_virtual_index(comm, index()); });
        });
    }

    const VirtualIndex wanted_{
        "report", "key", 7, {{0, "coffee"}, {1, "运动健身"}, {2, "coffee"}, {4, "tea"}}};
};

std::string python() {
    const char* chosen = std::getenv("KOHORT_PYTHON");
    return chosen ? chosen : "/usr/bin/python3";
}

TEST_F(VirtualIndexes, h5py_reads_the_whole_run_from_any_folder) {
    write(2, wanted_);
    const auto script =
        std::filesystem::path(KOHORT_SOURCE_DIR) / "tools" / "oracles" / "check_run_layout.py";
    const auto result = run_command("cd / && " + python() + " '" + script.string() + "' '" +
                                    (folder_ / "run").string() + "' 2>&1");
    if (result.exit_code == 77) GTEST_SKIP() << result.output;
    ASSERT_EQ(result.exit_code, 0) << result.output;
    EXPECT_THAT(result.output,
                AllOf(HasSubstr("obsm/embedding float32 (12, 4)"), HasSubstr("obs/segment int32 (12,)"),
                      HasSubstr("obsm/map float32 (12, 2)"), HasSubstr("centroids equal"),
                      HasSubstr("categories coffee|运动健身|coffee (2)|segment 3|tea")));
    std::filesystem::rename(folder_ / "run", folder_ / "moved");  // names inside are relative
    EXPECT_EQ(run_command(python() + " '" + script.string() + "' '" + (folder_ / "moved").string() + "' 2>&1")
                  .exit_code,
              0);
}

TEST_F(VirtualIndexes, is_the_same_at_any_rank_count) {
    const auto digest = write(1, wanted_);
    EXPECT_EQ(digest, base::sha256_file(index()));
    for (const int ranks : {2, 3, 5, 8}) EXPECT_EQ(write(ranks, wanted_), digest);
}

TEST_F(VirtualIndexes, a_run_without_rows_and_a_run_of_vectors_only_have_an_index) {
    make_sources(folder_ / "run", 1);  // partition 0 is empty
    write(2, {"report", "key", 1, {}});
    EXPECT_EQ(check(2).first, 0);
    EXPECT_EQ(PartitionReader(index()).shape("/obsm/embedding"), (std::vector<std::int64_t>{0, 4}));
    std::filesystem::remove_all(folder_ / "run" / "corpus");
    std::filesystem::remove_all(folder_ / "run" / "segment");
    write(2, {"report", "key", 1, {}});
    EXPECT_TRUE(PartitionReader(index()).has("/obsm/embedding"));
    EXPECT_FALSE(PartitionReader(index()).has("/obs"));
    std::filesystem::remove_all(folder_ / "run" / "embedding");
    EXPECT_EQ(error_of([&] { write(2, {"report", "key", 1, {}}); }).first, 4);
}

TEST_F(VirtualIndexes, partitions_that_disagree_are_refused) {
    const auto part = folder_ / "run" / "embedding" / partition_file_name(5);
    const std::vector<float> values(15);
    for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{3, 5}, {5, 3}}) {
        PartitionWriter writer(part, "embedding", "e");
        writer.write("/obsm/embedding", std::span<const float>(values), {rows, columns}, Filter::none);
        writer.commit();
        const auto [code, message] = error_of([&] { write(3, wanted_); });
        EXPECT_EQ(code, 4);
        EXPECT_THAT(message, HasSubstr("part-00005.h5"));
    }
    std::filesystem::remove(part);
    EXPECT_THAT(error_of([&] { write(3, wanted_); }).second, HasSubstr("part-00005.h5: no such file"));
}

TEST_F(VirtualIndexes, a_missing_or_damaged_source_is_an_error_and_never_fill_values) {
    write(2, wanted_);
    EXPECT_EQ(check(3), (std::pair{0, std::string()}));
    const MatrixSource before({index(), "/obsm/embedding"});
    const auto whole = before.read_rows(0, 12);

    const auto part = folder_ / "run" / "embedding" / partition_file_name(4);
    const auto sound = base::read_file(part);
    std::vector<float> start(4);
    for (std::size_t i = 0; i < 4; ++i) start[i] = static_cast<float>(4000 + i);
    const auto data_offset = find_in_file(part, std::string(reinterpret_cast<const char*>(start.data()), 16));
    ASSERT_GT(data_offset, 0);

    SmallRun other;
    const std::vector<std::function<void()>> damages{
        [&] { std::filesystem::remove(part); }, [&] { flip_byte(part, data_offset + 2); },
        [&] { std::filesystem::resize_file(part, sound.size() / 2); },
        [&] { other.write_embedding(part, 1); }, [&] { other.write_corpus(part, 4); }};
    for (const auto& damage : damages) {
        damage();
        for (const int ranks : {1, 3, 5}) {
            const auto [code, message] = check(ranks);
            EXPECT_EQ(code, 4);
            EXPECT_THAT(message, AllOf(HasSubstr("kohort.h5"), HasSubstr("embedding/part-00004.h5")));
        }
        const MatrixSource source({index(), "/obsm/embedding"});
        EXPECT_EQ(source.read_rows(0, 3), std::vector<float>(whole.begin(), whole.begin() + 12));
        EXPECT_EQ(error_of([&] { source.read_rows(0, 12); }).first, 4);
        base::write_file_atomically(part, sound);
        EXPECT_EQ(source.read_rows(0, 12), whole);
    }
}

}  // namespace
}  // namespace kohort::store

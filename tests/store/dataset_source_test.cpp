#include "store/dataset_source.h"

#include <sys/resource.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/worker_threads.h"
#include "store/partition_file.h"
#include "store_fixture.h"

namespace kohort::store {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(DatasetRefs, are_files_with_a_path_inside_or_npy) {
    EXPECT_EQ(parse_dataset("a/b.h5:/obsm/x").file, "a/b.h5");
    EXPECT_EQ(parse_dataset("a/b.h5:/obsm/x").dataset, "/obsm/x");
    EXPECT_EQ(parse_dataset("odd:/name.h5:/x").file, "odd:/name.h5");
    EXPECT_EQ(parse_dataset("x.npy").dataset, "");
    for (const auto* text : {"", "a.h5", "a.h5:", "a.h5:/", ":/x", "a.h5:x", ".npy", "a.h5:/x/"})
        EXPECT_EQ(error_of([&] { parse_dataset(text); }).first, 2) << text;
}

class MatrixSources : public StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        const char* chosen = std::getenv("KOHORT_PYTHON");
        const auto script =
            std::filesystem::path(KOHORT_SOURCE_DIR) / "tools" / "oracles" / "write_matrices.py";
        const auto result = run_command(std::string(chosen ? chosen : "/usr/bin/python3") + " '" +
                                        script.string() + "' '" + folder_.string() + "' 2>&1");
        if (result.exit_code == 77) GTEST_SKIP() << result.output;
        ASSERT_EQ(result.exit_code, 0) << result.output;
    }

    std::vector<float> expected(const std::string& name) const {
        const auto bytes = base::read_file(folder_ / (name + ".expected"));
        std::vector<float> values(bytes.size() / sizeof(float));
        std::memcpy(values.data(), bytes.data(), bytes.size());
        return values;
    }

    // Whole, and in pieces that cross every border.
    void expect_equal(const MatrixSource& source, const std::string& name) const {
        const auto wanted = expected(name);
        ASSERT_EQ(static_cast<std::int64_t>(wanted.size()), source.rows() * source.columns()) << name;
        std::vector<float> got;
        for (std::int64_t first = 0; first < source.rows(); first += 7) {
            const auto piece = source.read_rows(first, std::min<std::int64_t>(7, source.rows() - first));
            got.insert(got.end(), piece.begin(), piece.end());
        }
        for (const auto& values : {got, source.read_rows(0, source.rows())})
            for (std::size_t i = 0; i < wanted.size(); ++i)
                ASSERT_TRUE(values[i] == wanted[i] || (std::isnan(values[i]) && std::isnan(wanted[i])))
                    << name << " " << i;
    }
};

TEST_F(MatrixSources, npy_files_of_every_kind_are_read_as_numpy_reads_them) {
    for (const std::string name :
         {"half.npy", "single.npy", "double.npy", "empty.npy", "version2.npy", "version3.npy", "vector.npy"}) {
        const MatrixSource source(parse_dataset((folder_ / name).string()));
        expect_equal(source, name);
        EXPECT_EQ(source.files(), std::vector{folder_ / name});
    }
}

TEST_F(MatrixSources, tell_the_size_of_a_stored_number) {
    for (const auto& [name, bytes] : {std::pair{"half", 2u}, {"single", 4u}, {"double", 8u}}) {
        EXPECT_EQ(MatrixSource({folder_ / (std::string(name) + ".npy"), ""}).element_size(), bytes);
        EXPECT_EQ(MatrixSource({folder_ / "matrices.h5", std::string("/group/") + name}).element_size(), bytes);
    }
}

TEST_F(MatrixSources, hdf5_datasets_of_every_kind_are_read_as_h5py_reads_them) {
    for (const std::string name : {"half", "single", "double", "empty"})
        expect_equal(MatrixSource({folder_ / "matrices.h5", "/group/" + name}), "group_" + name);
}

TEST_F(MatrixSources, a_virtual_dataset_is_read_from_its_sources) {
    const MatrixSource source({folder_ / "virtual.h5", "/blocks"});
    expect_equal(source, "virtual_blocks");
    EXPECT_EQ(source.files().size(), 4u);
    for (const auto* odd : {"/gap", "/halves"}) {
        const auto [code, message] = error_of([&] { MatrixSource({folder_ / "virtual.h5", odd}); });
        EXPECT_EQ(code, 3);
        EXPECT_THAT(message, HasSubstr("virtual dataset"));
    }
}

TEST_F(MatrixSources, places_past_two_to_the_32_are_the_right_ones) {
    const auto wanted = expected("large_tail");
    for (const DatasetRef& ref : {DatasetRef{folder_ / "large.npy", ""}, {folder_ / "large.h5", "/x"}}) {
        const MatrixSource source(ref);
        EXPECT_EQ(source.rows() * source.columns(), (std::int64_t{1} << 32) + 1600);
        EXPECT_EQ(source.read_rows(source.rows() - 10, 10), wanted) << ref.file;
        EXPECT_EQ(source.read_rows((std::int64_t{1} << 28) - 1, 2), std::vector<float>(32)) << ref.file;
    }
}

TEST_F(MatrixSources, several_threads_read_one_source) {
    const auto wanted = expected("virtual_blocks");
    const MatrixSource source({folder_ / "virtual.h5", "/blocks"});
    base::parallel_for(4, 200, [&](std::int64_t i) {
        const auto first = 977 * i % 990;
        const auto rows = source.read_rows(first, 10);
        EXPECT_EQ(0, std::memcmp(rows.data(), wanted.data() + first * 33, rows.size() * sizeof(float)));
    });
}

TEST_F(MatrixSources, what_is_no_matrix_of_floats_is_refused_with_a_reason) {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
        if (!entry.path().filename().string().starts_with("bad_")) continue;
        const auto [code, message] = error_of([&] { MatrixSource({entry.path(), ""}); });
        EXPECT_EQ(code, 3) << entry.path();
        EXPECT_THAT(message, HasSubstr(entry.path().string()));
    }
    for (const auto* name : {"/vector", "/integers", "/nothing", "/group", "/group/single/x"}) {
        const auto [code, message] = error_of([&] { MatrixSource({folder_ / "matrices.h5", name}); });
        EXPECT_EQ(code, 2) << name;
        EXPECT_THAT(message, AllOf(HasSubstr("/group/half, /group/single"), Not(HasSubstr("/integers,"))));
    }
    EXPECT_EQ(error_of([&] { MatrixSource({folder_ / "nowhere.npy", ""}); }).first, 3);
    EXPECT_EQ(error_of([&] { MatrixSource({folder_, "/x"}); }).first, 3);
    EXPECT_EQ(error_of([&] { MatrixSource({folder_ / "single.npy", "/x"}); }).first, 3);
    const MatrixSource sound({folder_ / "single.npy", ""});
    EXPECT_EQ(error_of([&] { sound.read_rows(990, 11); }).first, 5);
}

}  // namespace
}  // namespace kohort::store

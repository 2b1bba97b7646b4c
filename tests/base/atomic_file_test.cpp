#include "base/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hash.h"

namespace kohort::base {
namespace {

class AtomicFileTest : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = std::filesystem::path(testing::TempDir()) / ("atomic_file_" + std::to_string(::getpid()));
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::filesystem::path folder_;
};

TEST_F(AtomicFileTest, appears_only_when_committed_and_only_for_its_owner) {
    const auto path = folder_ / "result.csv";
    {
        AtomicFile file(path);
        file.write("one\n");
        file.write_at(4, "two\n");
        EXPECT_FALSE(std::filesystem::exists(path));
        file.commit();
    }
    EXPECT_EQ(read_file(path), "one\ntwo\n");
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST_F(AtomicFileTest, copies_files_of_any_size) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20, (std::size_t{5} << 19) + 7}) {
        std::string bytes(size, 0);
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * i >> 3);
        write_file_atomically(folder_ / "from", bytes);
        EXPECT_EQ(copy_file_atomically(folder_ / "from", folder_ / "to"), sha256_hex(bytes));
        EXPECT_EQ(read_file(folder_ / "to"), bytes);
    }
    EXPECT_THROW(copy_file_atomically(folder_ / "none", folder_ / "to"), Error);
}

TEST_F(AtomicFileTest, leaves_nothing_when_abandoned) {
    { AtomicFile(folder_ / "result.csv").write("half"); }
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(AtomicFileTest, a_missing_folder_is_an_environment_error) {
    try {
        AtomicFile file(folder_ / "nowhere" / "x");
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.exit_code(), 4);
    }
}

}  // namespace
}  // namespace kohort::base

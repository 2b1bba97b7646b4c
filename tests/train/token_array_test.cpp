// The same ids come back from memory and from a file, and the file leaves nothing behind.
#include "train/token_array.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "temporary_folder.h"

namespace kohort::train {
namespace {

// TMPDIR for as long as it lives.
class TemporaryDirectory {
  public:
    explicit TemporaryDirectory(const std::string& folder) {
        if (const char* before = std::getenv("TMPDIR")) before_ = before;
        ::setenv("TMPDIR", folder.c_str(), 1);
    }
    ~TemporaryDirectory() {
        if (before_.empty()) ::unsetenv("TMPDIR");
        else ::setenv("TMPDIR", before_.c_str(), 1);
    }

  private:
    std::string before_;
};

std::vector<text::TokenId> text_of(int i) {
    std::vector<text::TokenId> ids;
    for (int k = 0; k < i % 7; ++k) ids.push_back(i * 100 + k);
    return ids;
}

TEST(TokenArray, gives_back_what_was_put_in_from_memory_and_from_a_file) {
    const TemporaryFolder folder;
    const TemporaryDirectory here(folder.path().string());
    for (const std::int64_t memory : {std::int64_t{1}, std::int64_t{1000}, std::int64_t{1} << 30}) {
        TokenArray array(memory);
        for (int i = 0; i < 1000; ++i) array.append(text_of(i));
        array.finish();
        EXPECT_EQ(array.in_file(), memory <= 1000);
        ASSERT_EQ(array.texts(), 1000);
        for (int i = 0; i < 1000; ++i) {
            const auto ids = array.text(i);
            ASSERT_EQ(std::vector<text::TokenId>(ids.begin(), ids.end()), text_of(i)) << i;
        }
        EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "the file must have no name";
    }
}

TEST(TokenArray, may_be_empty) {
    TokenArray array(1);
    array.finish();
    EXPECT_EQ(array.texts(), 0);
    EXPECT_FALSE(array.in_file());
}

TEST(TokenArray, says_where_it_cannot_write) {
    const TemporaryDirectory nowhere("/nowhere/at/all");
    TokenArray array(1);
    try {
        for (int i = 0; i < 10; ++i) array.append(text_of(i));
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::environment);
        EXPECT_THAT(error.what(), testing::HasSubstr("/nowhere/at/all"));
    }
}

}  // namespace
}  // namespace kohort::train

// Finds the shared oracles, which are not part of the project: KOHORT_SHARED, or ../shared beside the project.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace kohort::model {

inline std::filesystem::path shared_folder() {
    const char* set = std::getenv("KOHORT_SHARED");
    return set ? std::filesystem::path(set) : std::filesystem::path(KOHORT_SOURCE_DIR).parent_path() / "shared";
}

// A folder of this test's own, empty at the start and removed at the end.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        path_ = std::filesystem::path(testing::TempDir()) /
                (std::string(test->test_suite_name()) + "_" + test->name() + "_" + std::to_string(::getpid()));
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace kohort::model

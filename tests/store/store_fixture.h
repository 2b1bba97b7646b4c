// What the tests of this folder share: a folder of their own, damage done to files, and errors as (code,
// message).
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"

namespace kohort::store {

class StoreTest : public testing::Test {
  protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        std::string name =
            std::string(test->test_suite_name()) + "." + test->name() + "." + std::to_string(::getpid());
        for (auto& letter : name)
            if (letter == '/') letter = '_';
        folder_ = std::filesystem::path(testing::TempDir()) / name;
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_;
};

// The exit code and message of the Error that `body` throws; code 0 when it throws none.
template <class Body>
std::pair<int, std::string> error_of(Body body) {
    try {
        body();
    } catch (const base::Error& error) {
        return {error.exit_code(), error.what()};
    }
    return {0, ""};
}

inline void flip_byte(const std::filesystem::path& path, std::int64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(offset);
    const char flipped = static_cast<char>(file.get() ^ 0x10);
    file.seekp(offset);
    file.put(flipped);
    ASSERT_TRUE(file.good()) << path;
}

// Where a text stands in a file; -1: nowhere.
inline std::int64_t find_in_file(const std::filesystem::path& path, const std::string& text) {
    const auto at = base::read_file(path).find(text);
    return at == std::string::npos ? -1 : static_cast<std::int64_t>(at);
}

struct CommandResult {
    int exit_code = -1;
    std::string output;
};

// Runs a shell command and returns its exit code and standard output.
inline CommandResult run_command(const std::string& command) {
    CommandResult result;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (!pipe) return result;
    char buffer[4096];
    for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        result.output.append(buffer, got);
    const int status = ::pclose(pipe);
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

}  // namespace kohort::store

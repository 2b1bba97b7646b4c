// Where the large test data lie: the folder "shared" beside the project, or the one that KOHORT_SHARED names.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace kohort::text {

inline std::filesystem::path shared_folder() {
    if (const char* named = std::getenv("KOHORT_SHARED")) return named;
    return std::filesystem::path(KOHORT_SOURCE_DIR) / ".." / "shared";
}

// A path below it, or an empty path where that does not exist.
inline std::filesystem::path shared_data(const char* relative) {
    const auto path = shared_folder() / relative;
    return std::filesystem::exists(path) ? path : std::filesystem::path();
}

}  // namespace kohort::text

#define KOHORT_NEED_SHARED(variable, relative)                          \
    const auto variable = ::kohort::text::shared_data(relative);        \
    if (variable.empty()) GTEST_SKIP() << "needs ../shared/" << relative

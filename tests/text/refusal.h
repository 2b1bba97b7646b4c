// What load_tokenizer says of a file that it refuses.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/error.h"
#include "text/tokenizer.h"

namespace kohort::text {

inline std::string refusal_of(const std::filesystem::path& path) {
    try {
        load_tokenizer(path);
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        return error.what();
    }
    return "nothing was refused";
}

}  // namespace kohort::text

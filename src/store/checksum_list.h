// The lists in checksum/ (as `sha256sum` writes and checks them), and the hashing of many files by all ranks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::store {

using FileList = std::map<std::string, std::string>;  // path relative to the run, with '/' -> SHA-256 as hex

std::filesystem::path list_path(const std::filesystem::path& run, std::string_view stage);

// "<64 hex digits>  <path>\n" a file, sorted by the path's bytes.
std::string to_text(const FileList& files);

// Error(environment) when a line is not of that form; `path` stands in the message.
FileList parse_list(std::string_view text, const std::filesystem::path& path);

struct FileState {
    std::string sha256;  // empty where the file is missing or cannot be read
    std::int64_t bytes = 0;
    bool missing = false;
    std::string problem;  // why it cannot be read
};

// Collective: reads every file once, each by the rank that claims it, and gives every rank all the answers.
// `files` is the same on all ranks. `read_here`, where given, receives how many this rank read.
std::vector<FileState> hash_files(parallel::Communicator& comm, const std::filesystem::path& run,
                                  const std::vector<std::string>& files, std::int64_t* read_here = nullptr);

}  // namespace kohort::store

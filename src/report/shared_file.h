// One file that all ranks write together: each its own pieces at their final place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "parallel/communicator.h"

namespace kohort::report {

// Collective. The file is `head` (rank 0's) and then the pieces of all ranks in the order of their numbers, which
// are distinct and lie in [0, pieces). It appears under its name when complete, with mode 0600. Returns its SHA-256
// on rank 0, "" elsewhere.
std::string write_shared_file(parallel::Communicator& comm, const std::filesystem::path& path, const std::string& head,
                              const std::map<std::int32_t, std::string>& mine, std::int32_t pieces);

}  // namespace kohort::report

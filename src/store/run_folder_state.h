// What RunFolder and Stage share: the manifest, and the one rank that writes it.
#pragma once

#include <mutex>

#include "store/manifest.h"
#include "store/run_folder.h"

namespace kohort::store {

struct RunFolder::State {
    bool root = false;
    bool resuming = false;
    std::mutex mutex;
    Manifest manifest;  // equal on all ranks when the folder is opened; later rank 0's counts

    void save(const std::filesystem::path& run) const;  // rank 0 only
};

}  // namespace kohort::store

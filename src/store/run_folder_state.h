// What RunFolder and Stage share: the manifest, and the one rank that writes it.
#pragma once

#include <memory>
#include <mutex>

#include "store/folder_lock.h"
#include "store/manifest.h"
#include "store/run_folder.h"

namespace kohort::store {

struct RunFolder::State {
    bool root = false;
    bool resuming = false;
    std::mutex mutex;
    std::unique_ptr<FolderLock> lock;  // rank 0, from the first time it writes
    Manifest manifest;  // equal on all ranks when the folder is opened; later rank 0's counts

    // Rank 0 only.
    void hold(const std::filesystem::path& run);
    void save(const std::filesystem::path& run) const;
};

}  // namespace kohort::store

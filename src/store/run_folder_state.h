// What RunFolder and Stage share: the manifest, and the one rank that writes it.
#pragma once

#include <mutex>

#include "parallel/collectives.h"
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

// Runs `action` on rank 0. When it throws there, no other rank gets past this call, so that nobody goes on,
// or ends well, beside a run that has failed.
template <class Action>
void on_root(parallel::Communicator& comm, Action action) {
    if (comm.is_root()) action();
    parallel::barrier(comm);
}

}  // namespace kohort::store

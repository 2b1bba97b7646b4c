// Two jobs that write the same run folder at once would spoil each other's temporary files.
#pragma once

#include <filesystem>

namespace kohort::store {

// Holds the folder until it is destroyed or the process ends, however that happens. Error(environment) when
// another job holds it (after a few seconds: a job that was killed may still be ending). Where the file
// system knows no locks, it holds nothing.
class FolderLock {
  public:
    explicit FolderLock(const std::filesystem::path& folder);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

  private:
    int descriptor_ = -1;
};

}  // namespace kohort::store

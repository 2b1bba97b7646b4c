// One file that all ranks write at once: every append puts the ranks' parts one after another in rank order, at
// offsets agreed by a scan, so that the bytes depend on the parts only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "parallel/communicator.h"

namespace kohort::corpus {

class SharedOutput {
  public:
    // Collective; so are append() and commit(). The file appears at `path` at commit(), with `mode`; without
    // commit() nothing is left. Error(environment) on the rank that cannot write.
    SharedOutput(parallel::Communicator& comm, std::filesystem::path path, int mode = 0600);
    ~SharedOutput();

    void append(std::string_view part);
    void commit();

    std::int64_t size() const { return size_; }

  private:
    class Writer;
    parallel::Communicator& comm_;
    std::unique_ptr<Writer> writer_;
    std::int64_t size_ = 0;
};

}  // namespace kohort::corpus

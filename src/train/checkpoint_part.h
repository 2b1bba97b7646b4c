// One rank's file of a checkpoint: its share of each of the state's vectors. Written by a thread of its own from a copy,
// so that training goes on meanwhile.
#pragma once

#include <torch/torch.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "train/checkpoint_manifest.h"
#include "train/training_state.h"

namespace kohort::train {

class PartWriter {
  public:
    // Copies the elements of `share` (all vectors must have them) and begins to write `path`.
    PartWriter(std::filesystem::path path, const TrainingState& state, const parallel::Range& share);
    ~PartWriter();  // what is not yet complete is given up and leaves no file
    PartWriter(const PartWriter&) = delete;
    PartWriter& operator=(const PartWriter&) = delete;

    bool done() const { return done_; }
    // Waits, calling `breathe` meanwhile. Throws what stopped the thread: Error(environment) when the disk is full.
    struct Written {
        std::string sha256;
        std::int64_t bytes = 0;
    };
    Written finish(const std::function<void()>& breathe);

  private:
    void write();

    std::filesystem::path path_;
    std::vector<torch::Tensor> copies_;
    Written written_;
    std::exception_ptr failure_;
    std::atomic<bool> done_ = false, given_up_ = false;
    std::thread thread_;
};

// What is wrong with a part's file ("is missing", …), or "" where its size and SHA-256 are the manifest's.
std::string fault_of_part(const std::filesystem::path& folder, const CheckpointManifest::Part& part,
                          const std::function<void()>& breathe);

// Reads from a part what each of the state's vectors holds of its elements: fp32 values in the manifest's order, at
// most 4 MiB at a time. Error(environment) when the file cannot be read.
void read_part(const std::filesystem::path& folder, const CheckpointManifest& manifest, const CheckpointManifest::Part& part,
               const TrainingState& state, const std::function<void()>& breathe);

}  // namespace kohort::train

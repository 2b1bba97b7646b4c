// A training's state on disk, so that it can stop at any step and go on at another number of ranks with the same
// bytes as if it had never stopped. Every rank writes its share to a file of its own while training goes on; a manifest
// that is written last makes the checkpoint complete. The last few are kept, so that a damaged one costs a minute of
// work and not the training.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "parallel/communicator.h"
#include "train/checkpoint_part.h"
#include "train/training_state.h"

namespace kohort::train {

class CheckpointFolder {
  public:
    // Collective. `folder` is RUN/checkpoint; manifests there are named STAGE-STEP.checkpoint, and a rank's part of it
    // STAGE-STEP.part-RANK-of-RANKS. What a crash left incomplete is removed by rank 0. shares[r] are the elements that
    // rank r writes; together they are all. The last `keep` (1 at least) checkpoints are kept, and up to two more, so that
    // one is older than LossWatch takes to see a loss that runs away.
    CheckpointFolder(parallel::Communicator& comm, std::filesystem::path folder, std::string stage, std::string key,
                     std::vector<parallel::Range> shares, std::int64_t keep);

    // Collective. Copies this rank's share of the state and begins to write it; completes the one before first.
    void save(const TrainingState& state);

    // Whether the checkpoint that save() began could be completed without waiting, as far as this rank knows; true where
    // there is none.
    bool written() const { return !writer_ || writer_->done(); }

    // Collective. Waits for all ranks' parts of what save() began, if anything; then rank 0 writes the manifest and
    // removes what is no longer kept. Error(environment) on a rank whose disk is full.
    void complete();

    // Collective. Fills the state from the newest complete checkpoint: its numbers, and what each of its vectors holds;
    // false when there is none. A checkpoint with a damaged or missing file is named in a warning and the one before it
    // is used. Error(usage) when the newest one carries another key or is of other tensors.
    bool load_newest(TrainingState& state);

    // The stage's manifests, oldest first.
    std::vector<std::filesystem::path> files() const;

  private:
    std::filesystem::path manifest_path(std::int64_t step) const;
    std::string read_candidate(std::vector<std::filesystem::path>& candidates) const;
    std::string fault_of(const CheckpointManifest& manifest);
    void check_same(const CheckpointManifest& manifest, const TrainingState& state) const;
    void remove_older(std::int64_t newest);
    void remove_unnamed_parts();

    parallel::Communicator& comm_;
    std::filesystem::path folder_;
    std::string stage_, key_;
    std::vector<parallel::Range> shares_;
    std::int64_t keep_;
    CheckpointManifest next_;             // of the checkpoint that is being written
    std::unique_ptr<PartWriter> writer_;
};

}  // namespace kohort::train

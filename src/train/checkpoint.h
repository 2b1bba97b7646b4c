// A training's state on disk, so that it can stop at any step and go on at another number of ranks with the same
// bytes as if it had never stopped. A checkpoint is one file with its own SHA-256; the last two are kept, so that a
// damaged one costs a minute of work and not the training.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::train {

// What the next step depends on. All random numbers and the sampler's place follow from the seed (part of the key)
// and `step`.
struct TrainingState {
    struct Tensor {
        std::string name;
        torch::Tensor value;  // fp32
    };
    std::int64_t step = 0;  // steps done
    std::vector<Tensor> tensors;
    std::vector<float> recent_largest;  // GradientReducer's
    std::vector<std::pair<std::int64_t, double>> loss;  // (step, loss) so far, for the curve in the report
};

class CheckpointFolder {
  public:
    // `folder` is RUN/checkpoint; files there are named STAGE-STEP.checkpoint. What a crash left half-written is
    // removed by rank 0.
    CheckpointFolder(parallel::Communicator& comm, std::filesystem::path folder, std::string stage, std::string key);

    // Writes the state (rank 0), then removes all but the last two. Collective only in that all ranks must call it.
    void save(const TrainingState& state);

    // Collective. Fills the tensors of `state` (by name, same shapes) and the rest of it from the newest complete
    // checkpoint; false when there is none. A damaged file is named in a warning and the one before it is used.
    // Error(usage) when the newest complete one carries another key or other tensors.
    bool load_newest(TrainingState& state);

    // The stage's checkpoints, oldest first.
    std::vector<std::filesystem::path> files() const;

  private:
    parallel::Communicator& comm_;
    std::filesystem::path folder_;
    std::string stage_, key_;
};

// The file's bytes for a state, and back. parse_checkpoint returns nothing for bytes that are no complete checkpoint.
std::string checkpoint_bytes(const TrainingState& state, const std::string& key);
struct ParsedCheckpoint {
    std::string key;
    TrainingState state;  // tensors are views of the bytes that were parsed
};
std::optional<ParsedCheckpoint> parse_checkpoint(std::string& bytes);

}  // namespace kohort::train

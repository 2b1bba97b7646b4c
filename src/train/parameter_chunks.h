// All parameters as one long vector, cut into chunks that do not depend on the number of ranks. A rank's share is a run
// of chunks: what it updates with ZeRO (Rajbhandari et al. 2020, section 5.1) and what it writes of a checkpoint. A sum
// over chunk sums in their order is the same whoever computes which of them.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "model/layers.h"
#include "parallel/balanced_ranges.h"

namespace kohort::train {

class ParameterChunks {
  public:
    struct Chunk {
        std::size_t tensor;
        std::int64_t begin, end;  // of the tensor's elements
    };

    // Chunks never span tensors. Their size follows from the tensors' shapes and kind of device alone.
    explicit ParameterChunks(const std::vector<model::Parameter>& parameters);

    const Chunk& operator[](std::int64_t chunk) const { return chunks_[static_cast<std::size_t>(chunk)]; }
    parallel::Range all() const { return {0, std::ssize(chunks_)}; }
    std::int64_t elements() const { return offsets_.back(); }
    // Where a run of chunks lies in the long vector.
    parallel::Range elements_of(const parallel::Range& chunks) const {
        return {offsets_[static_cast<std::size_t>(chunks.first)], offsets_[static_cast<std::size_t>(chunks.last)]};
    }

    // Consecutive runs of chunks, one a rank, equal within a chunk; some may be empty.
    std::vector<parallel::Range> shares(int ranks) const;

  private:
    std::vector<Chunk> chunks_;
    std::vector<std::int64_t> offsets_{0};  // [chunks + 1]
};

}  // namespace kohort::train

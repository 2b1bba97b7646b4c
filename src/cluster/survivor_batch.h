// Rows that pruning has left, copied side by side until they make a full block for the kernel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/tile_kernel.h"

namespace kohort::cluster {

class SurvivorBatch {
  public:
    explicit SurvivorBatch(std::int64_t dimensions) : dimensions_(dimensions) {}

    void add(const float* row, float norm, std::int64_t local) {
        values_.insert(values_.end(), row, row + dimensions_);
        norms_.push_back(norm);
        locals_.push_back(local);
    }
    bool full() const { return static_cast<std::int64_t>(locals_.size()) == block_rows; }
    void clear() { values_.clear(), norms_.clear(), locals_.clear(); }

    const float* values() const { return values_.data(); }  // [rows, dimensions]
    const float* norms() const { return norms_.data(); }
    std::span<const std::int64_t> locals() const { return locals_; }

  private:
    std::int64_t dimensions_;
    std::vector<float> values_, norms_;
    std::vector<std::int64_t> locals_;
};

}  // namespace kohort::cluster

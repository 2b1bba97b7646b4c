// The order of samples in an epoch: a permutation of [0, n) that is a function of seed and epoch alone and takes no
// memory, so that any rank can name the sample at any position.
// A Feistel network over the next power of four (Luby and Rackoff 1988), walked until it lands in [0, n)
// (Black and Rogaway 2002, "cycle walking").
#pragma once

#include <cstdint>

#include "base/philox.h"

namespace kohort::train {

class EpochPermutation {
  public:
    // n >= 1; epoch < 2^63.
    EpochPermutation(std::int64_t n, std::uint64_t seed, std::uint64_t epoch);

    // The sample at `position` in [0, n).
    std::int64_t operator()(std::int64_t position) const;

  private:
    base::Philox random_;
    std::uint64_t n_, epoch_;
    int half_bits_;
};

}  // namespace kohort::train

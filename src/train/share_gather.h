// Brings the shares of the parameters that ranks have updated together again, in messages of bounded size.
#pragma once

#include <vector>

#include "parallel/communicator.h"
#include "train/flat_tensors.h"
#include "train/parameter_chunks.h"

namespace kohort::train {

// Collective. Each rank's share of `values` (elements[r] of the long vector) replaces what the other ranks have there.
// A message's elements over all ranks are at most `most` (and one a rank at least).
void gather_shares(parallel::Communicator& comm, const FlatTensors& values, const std::vector<parallel::Range>& elements,
                   torch::Device device, std::int64_t most = std::int64_t{1} << 22);

}  // namespace kohort::train

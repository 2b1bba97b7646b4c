// Users that training never draws, so that the loss on them tells when to stop. Which ones follows from the seed and a
// user's number in the corpus: the same at any number of ranks, and the same for every objective.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/communicator.h"
#include "train/token_store.h"

namespace kohort::train {

// Collective. The samples of about `share` of the users, ascending; none for a share of 0. Alike on all ranks.
std::vector<std::int64_t> held_out_samples(parallel::Communicator& comm, const TokenStore& store, SampleUnit unit, double share,
                                           std::uint64_t seed);

}  // namespace kohort::train

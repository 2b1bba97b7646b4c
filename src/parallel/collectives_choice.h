// --collectives auto|nccl|mpi: what carries device buffers between the ranks.
#pragma once

#include <string_view>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::parallel {

enum class Collectives { automatic, nccl, mpi };

Collectives parse_collectives(std::string_view name);  // Error(usage) for an unknown name

// What the choice depends on; equal on all ranks.
struct CollectivesFacts {
    bool on_gpu = false;             // --device cuda
    bool has_nccl = false;           // this build is linked with NCCL
    std::vector<int> ranks_per_node;
    std::vector<int> gpus_per_node;
};

// nccl or mpi. By itself: NCCL where every rank has a GPU of its own and there is more than one rank. Where ranks
// outnumber a node's GPUs they share them, which NCCL refuses: mpi, through pinned host memory. An explicit `nccl`
// that cannot be had is Error(usage) without GPUs and Error(environment) otherwise.
Collectives choose_collectives(Collectives wish, const CollectivesFacts& facts);

// Collective: the GPUs that each node shows, the fewest that any of its ranks sees.
std::vector<int> gather_gpus_per_node(Communicator& comm, int visible);

}  // namespace kohort::parallel

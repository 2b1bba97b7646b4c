#include "parallel/collectives_choice.h"

#include <algorithm>
#include <numeric>

#include "parallel/collectives.h"

namespace kohort::parallel {
namespace {

// The first node whose ranks outnumber its GPUs; -1: none.
int crowded_node(const CollectivesFacts& facts) {
    for (std::size_t node = 0; node < facts.ranks_per_node.size(); ++node)
        if (facts.ranks_per_node[node] > facts.gpus_per_node.at(node)) return static_cast<int>(node);
    return -1;
}

}  // namespace

Collectives parse_collectives(std::string_view name) {
    if (name == "auto") return Collectives::automatic;
    if (name == "nccl") return Collectives::nccl;
    if (name == "mpi") return Collectives::mpi;
    base::fail(base::ErrorKind::usage, "--collectives {}: choose one of auto, nccl, mpi", name);
}

Collectives choose_collectives(Collectives wish, const CollectivesFacts& facts) {
    if (wish == Collectives::mpi) return wish;
    if (!facts.on_gpu) {
        if (wish == Collectives::nccl)
            base::fail(base::ErrorKind::usage, "--collectives nccl needs --device cuda; on the CPU use mpi or auto");
        return Collectives::mpi;
    }
    if (!facts.has_nccl) {
        if (wish == Collectives::nccl)
            base::fail(base::ErrorKind::environment, "--collectives nccl: this build has no NCCL; use mpi or auto");
        return Collectives::mpi;
    }
    if (const int node = crowded_node(facts); node >= 0) {
        if (wish == Collectives::nccl)
            base::fail(base::ErrorKind::environment,
                       "--collectives nccl: node {} has {} ranks and {} GPUs, and NCCL wants a GPU for each rank; start "
                       "fewer ranks there, or use --collectives mpi",
                       node, facts.ranks_per_node[static_cast<std::size_t>(node)],
                       facts.gpus_per_node[static_cast<std::size_t>(node)]);
        return Collectives::mpi;
    }
    const int ranks = std::accumulate(facts.ranks_per_node.begin(), facts.ranks_per_node.end(), 0);
    return wish == Collectives::nccl || ranks > 1 ? Collectives::nccl : Collectives::mpi;
}

std::vector<int> gather_gpus_per_node(Communicator& comm, int visible) {
    std::vector<std::int32_t> gpus(static_cast<std::size_t>(comm.topology().nodes), visible);
    // A rank speaks for its own node only; elsewhere its entry must not lower the minimum.
    for (int node = 0; node < comm.topology().nodes; ++node)
        if (node != comm.topology().node) gpus[static_cast<std::size_t>(node)] = std::numeric_limits<std::int32_t>::max();
    all_reduce(comm, std::span(gpus), ReduceOperation::minimum);
    return {gpus.begin(), gpus.end()};
}

}  // namespace kohort::parallel

#include "parallel/mpi_topology.h"

#include <mpi.h>

#include <algorithm>

#include "parallel/mpi_check.h"

namespace kohort::parallel {

Topology find_mpi_topology(const MpiSession& session, int gpus) {
    Topology topology;
    MPI_Comm node = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, session.rank(), MPI_INFO_NULL, &node),
              "MPI_Comm_split_type");
    check_mpi(MPI_Comm_rank(node, &topology.local_rank), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(node, &topology.local_size), "MPI_Comm_size");
    int first = session.rank();  // the lowest world rank of this node, since ranks keep their order in the split
    check_mpi(MPI_Bcast(&first, 1, MPI_INT, 0, node), "MPI_Bcast");
    check_mpi(MPI_Comm_free(&node), "MPI_Comm_free");

    std::vector<int> firsts(static_cast<std::size_t>(session.size()));
    check_mpi(MPI_Allgather(&first, 1, MPI_INT, firsts.data(), 1, MPI_INT, MPI_COMM_WORLD), "MPI_Allgather");
    auto nodes = firsts;
    std::sort(nodes.begin(), nodes.end());
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
    topology.nodes = static_cast<int>(nodes.size());
    topology.node = static_cast<int>(std::lower_bound(nodes.begin(), nodes.end(), first) - nodes.begin());
    for (const int node_first : nodes)
        topology.ranks_per_node.push_back(static_cast<int>(std::count(firsts.begin(), firsts.end(), node_first)));
    if (gpus > 0) topology.device = topology.local_rank % gpus;
    return topology;
}

}  // namespace kohort::parallel

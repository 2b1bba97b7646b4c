// Kohort's own Lloyd iterations on a simulated cluster (SimGrid's SMPI): the program under simulation is src/cluster as
// it is, with every message that it sends; only the work on the rows is not done but counted, as so many operations of
// a core whose rate was measured. Each simulated rank holds a few real rows, so that every path is taken.
// Usage, under smpirun: kmeans_simulated ROWS_A_RANK CLUSTERS DIMENSIONS ITERATIONS FIXED_SECONDS RATE
// Rank 0 prints the simulated seconds of an iteration.
#include <mpi.h>
#include <smpi/smpi.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/philox.h"
#include "cluster/lloyd.h"
#include "simulated_communicator.h"

namespace {

constexpr std::int64_t real_rows = 4;

std::vector<float> numbers(std::int64_t count, std::uint64_t stream) {
    const kohort::base::Philox random(stream, kohort::base::RandomPurpose::cluster_sample);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i)
        values[static_cast<std::size_t>(i)] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), 0));
    return values;
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    if (argc != 7) return 2;
    const double rows_a_rank = std::atof(argv[1]), fixed_seconds = std::atof(argv[5]), rate = std::atof(argv[6]);
    const std::int64_t k = std::atoll(argv[2]), d = std::atoll(argv[3]);
    const int iterations = std::atoi(argv[4]);
    {
        kohort::simulate::SimulatedCommunicator comm;
        const auto values = numbers(real_rows * d, static_cast<std::uint64_t>(comm.rank()) + 2);
        const kohort::cluster::RowBlock block{values, comm.rank() * real_rows, {}};
        const kohort::cluster::RowSet rows(comm, std::span(&block, 1), d, 1);
        kohort::cluster::LloydOptions options;
        options.iterations = iterations;
        options.pruning = kohort::cluster::Pruning::off;
        options.prefilter = kohort::cluster::PrefilterChoice::off;
        double start = MPI_Wtime();
        int timed = -1;  // the assignment to the initial centroids counts as a start
        kohort::cluster::run_lloyd(comm, rows, numbers(k * d, 1), options,
                                   [&](const kohort::cluster::IterationStatistics&, std::span<const float>) {
                                       if (timed++ < 0) start = MPI_Wtime();
                                       smpi_execute_flops(2 * rows_a_rank * static_cast<double>(k * d) + fixed_seconds * rate);
                                   });
        MPI_Barrier(MPI_COMM_WORLD);
        if (comm.is_root()) std::printf("%.9f\n", (MPI_Wtime() - start) / (timed + 1));
    }
    MPI_Finalize();
}

// Kohort's own Lloyd iterations on a simulated cluster (SimGrid's SMPI): the program under simulation is src/cluster as
// it is, with every message that it sends; only the work on the rows is not done but counted, as so many operations of
// a core whose rate was measured. Each simulated rank holds a few real rows, so that every path is taken, and together
// they hold one at each initial centroid: no cluster is empty, as none is with as many rows as are counted.
// Usage, under smpirun: kmeans_simulated tree|blocking ROWS_A_RANK CLUSTERS DIMENSIONS FIXED_SECONDS SUM_SECONDS RATE
// Rank 0 prints the simulated seconds of an iteration, and how many were timed.
#include <mpi.h>
#include <smpi/smpi.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/philox.h"
#include "cluster/lloyd.h"
#include "simulated_communicator.h"

namespace {

constexpr std::int64_t other_rows = 4;  // of each rank, beside those at the centroids
constexpr int most_iterations = 3;

std::vector<float> numbers(std::int64_t count, std::uint64_t stream) {
    const kohort::base::Philox random(stream, kohort::base::RandomPurpose::cluster_sample);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i)
        values[static_cast<std::size_t>(i)] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), 0));
    return values;
}

// Rows at every size()-th centroid, and some that lie anywhere.
std::vector<float> rows_of(int rank, int ranks, std::span<const float> centroids, std::int64_t d) {
    std::vector<float> values = numbers(other_rows * d, static_cast<std::uint64_t>(rank) + 2);
    const auto k = static_cast<std::int64_t>(centroids.size()) / d;
    for (std::int64_t c = rank; c < k; c += ranks)
        values.insert(values.end(), centroids.begin() + c * d, centroids.begin() + (c + 1) * d);
    return values;
}

// From the end of one iteration to the end of the next: as much work on rows as all-reduces.
class IterationTimer {
  public:
    explicit IterationTimer(double flops) : flops_(flops) {}

    void ended(const kohort::cluster::IterationStatistics& statistics) {
        if (statistics.refilled > 0) {  // messages that no iteration over so many rows sends
            std::fprintf(stderr, "error: a cluster of the simulated rows was empty\n");
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
        last_ = MPI_Wtime();
        if (iterations_ < 0) first_ = last_;
        ++iterations_;
        smpi_execute_flops(flops_);
    }
    int iterations() const { return iterations_; }
    double seconds() const { return (last_ - first_) / iterations_; }

  private:
    double flops_, first_ = 0, last_ = 0;
    int iterations_ = -1;  // the assignment to the initial centroids is the start
};

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    if (argc != 8) return 2;
    const auto algorithm = std::string_view(argv[1]) == "tree" ? kohort::simulate::AllReduce::tree
                                                               : kohort::simulate::AllReduce::blocking;
    const double rows_a_rank = std::atof(argv[2]), rate = std::atof(argv[7]);
    const std::int64_t k = std::atoll(argv[3]), d = std::atoll(argv[4]);
    const double fixed_flops = std::atof(argv[5]) * rate, sum_flops = std::atof(argv[6]) * rate;
    {
        kohort::simulate::SimulatedCommunicator comm(algorithm, sum_flops);
        auto centroids = numbers(k * d, 1);
        const auto values = rows_of(comm.rank(), comm.size(), centroids, d);
        const auto most_rows = other_rows + k / comm.size() + 1;  // row ids need not be dense
        const kohort::cluster::RowBlock block{values, comm.rank() * most_rows, {}};
        const kohort::cluster::RowSet rows(comm, std::span(&block, 1), d, 1);
        kohort::cluster::LloydOptions options;
        options.iterations = most_iterations;
        options.pruning = kohort::cluster::Pruning::off;
        options.prefilter = kohort::cluster::PrefilterChoice::off;
        IterationTimer timer(2 * rows_a_rank * static_cast<double>(k * d) + fixed_flops);
        kohort::cluster::run_lloyd(comm, rows, std::move(centroids), options,
                                   [&](const auto& statistics, std::span<const float>) { timer.ended(statistics); });
        if (timer.iterations() < 1) return 3;
        if (comm.is_root()) std::printf("%d %.9f\n", timer.iterations(), timer.seconds());
    }
    MPI_Finalize();
}

// Where Lloyd starts. Every choice is a function of the seed, the restart and global row ids (a counter-based random
// number a row and round), so that the same rows are drawn whichever rank holds them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "cluster/distance_kernel.h"
#include "cluster/row_set.h"
#include "cluster/seeding.h"
#include "parallel/communicator.h"

namespace kohort::cluster {

enum class Initialization {
    automatic,        // k-means|| up to most_direct_clusters, hierarchical above
    kmeans_parallel,  // k-means||, Bahmani et al. 2012, algorithm 2, then greedy weighted k-means++ on its candidates
    random,           // k rows, every set of k equally likely
    hierarchical,     // see divisive.h
    bisecting,        // see divisive.h
    given             // centroids handed in (a former run's)
};

inline constexpr std::int64_t most_direct_clusters = 4096;

// "auto", "kmeans||", "random", "hierarchical", "bisecting"; Error(usage) otherwise.
Initialization parse_initialization(std::string_view name);

// `automatic` becomes what is taken for so many clusters.
Initialization resolve_initialization(Initialization how, std::int64_t clusters);

// About how many of a rank's rows the initialization copies at once: for k-means|| its share of the sample that it works on,
// all for those that take the rows apart.
std::int64_t rows_copied(Initialization how, std::int64_t clusters, std::int64_t local_rows, std::int64_t global_rows);

struct InitializationOptions {
    std::int64_t clusters = 0;
    std::uint64_t seed = 0;
    int restart = 0;
    Kernel kernel = Kernel::automatic;
    PrefilterChoice prefilter = PrefilterChoice::automatic;
};

// Collective; [k, d], equal on all ranks. 1 <= clusters <= global rows. Where there are fewer distinct rows than
// clusters, the surplus centroids repeat rows.
std::vector<float> random_centroids(parallel::Communicator& comm, const RowSet& rows, const InitializationOptions& options);
std::vector<float> kmeans_parallel_centroids(parallel::Communicator& comm, const RowSet& rows,
                                             const InitializationOptions& options);

// Collective. The candidates of k-means|| from all rows, each with the number of rows that it stands for (or their weights, in
// a grid): the first row drawn, then in order of the rounds and of row ids. Equal on all ranks.
Candidates draw_candidates(parallel::Communicator& comm, const RowSet& rows, const InitializationOptions& options);

}  // namespace kohort::cluster

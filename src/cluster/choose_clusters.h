// How many clusters: k-means at each number that may do, the scores of each, and one plain rule that picks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cluster/cluster_scores.h"
#include "cluster/kmeans.h"

namespace kohort::cluster {

// Numbers of clusters are compared on at most so many rows.
inline constexpr std::int64_t most_compared_rows = 20'000;
// How far below the best stability a number of clusters may lie and still be picked.
inline constexpr double stability_allowance = 0.2;

struct ClusterCandidate {
    std::int64_t clusters = 0;
    double inertia = 0;    // of the run with the least, ties to the first seed; the scores are that run's
    ClusterScores scores;  // rounded to 1e-6
    double stability = 0;  // the mean adjusted Rand index of the pairs of runs, rounded to 1e-6
};

struct ClusterChoice {
    std::vector<ClusterCandidate> candidates;  // ascending
    std::size_t picked = 0;                    // index of the pick
    std::string reason;                        // one line for people
    std::int64_t rows = 0, of = 0;             // rows that were compared, and rows that there are

    std::int64_t clusters() const { return candidates[picked].clusters; }
};

struct ChoiceOptions {
    std::vector<std::int64_t> clusters;  // ascending; empty: every number from 2 to the lesser of 20 and the root of half
                                         // the rows compared; fewer than 8 rows make one cluster
    std::uint64_t seed = 0;
    int threads = 1;
    // As in KMeansOptions.
    Metric metric = Metric::euclidean;
    Kernel kernel = Kernel::automatic;
    PrefilterChoice prefilter = PrefilterChoice::automatic;
    Pruning pruning = Pruning::automatic;
};

// Collective; equal on all ranks. On a sample of at most 20,000 rows, drawn by global row id: for each number three
// runs of k-means with the seeds s, s + 1 and s + 2 (two starts and at most 30 iterations each), the scores of the
// best of them, and how far the three agree. Errors as kmeans(), whose messages speak of the rows compared.
ClusterChoice choose_clusters(parallel::Communicator& comm, const RowSet& rows, const ChoiceOptions& options,
                              const KMeansCallback& each_iteration = {});

// The rule, for candidates that are not empty: of those whose stability is at most stability_allowance below the best,
// the one with the highest simplified silhouette, ties to the fewer clusters. The silhouette says how clear-cut the
// clusters are (Rousseeuw 1987); clusters that another seed would not find again are none to be named, however
// clear-cut they look (Ben-Hur, Elisseeff and Guyon 2002; von Luxburg 2010, "Clustering stability: an overview").
// Stability alone picks too few clusters, so it only rules out. One cluster is always stable and has silhouette 0: it
// sets no bar for the others, and is picked where nothing else separates anything.
std::size_t pick_candidate(std::span<const ClusterCandidate> candidates);

}  // namespace kohort::cluster

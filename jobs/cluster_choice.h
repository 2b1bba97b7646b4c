// The number of clusters of a run: the one asked for, or the pick among several, with the table and the plot behind it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/row_set.h"
#include "job_context.h"
#include "store/run_folder.h"

namespace kohort::jobs {

// Whether --init names a file with the centroids.
bool names_a_dataset(const std::string& init);

// What --clusters asks for: one number, several to compare, or none (auto). Centroids that --init names decide it where
// --clusters does not.
std::vector<std::int64_t> clusters_asked(const Options& options);

// Error(usage) where --clusters cannot be had from so many rows.
void refuse_impossible_clusters(const Options& options, std::int64_t rows);

// Collective. Where --clusters names several numbers or is auto, compares them (cluster/choose_clusters.h), tells people,
// and adds segment/choice.csv and segment/choice.svg to the stage.
std::int64_t settle_clusters(JobContext& context, store::RunFolder& run, store::Stage& stage,
                             const cluster::RowSet& rows);

}  // namespace kohort::jobs

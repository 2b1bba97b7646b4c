// A k-means run's state as a file: a few kilobytes for most, as labels follow from centroids.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cluster/kmeans.h"

namespace kohort::cluster {

// Replaces the file at once or not at all. key: what the state belongs to. Error(environment) when it cannot be written.
void write_checkpoint(const std::filesystem::path& file, const KMeansState& state, const std::string& key);

// Collective: rank 0 reads. Nothing where there is no file, or where it is damaged (then rank 0 warns). Error(usage)
// where it carries another key.
std::optional<KMeansState> read_checkpoint(parallel::Communicator& comm, const std::filesystem::path& file,
                                           const std::string& key);

}  // namespace kohort::cluster

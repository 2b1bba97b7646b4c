// kohort.h5: one file in AnnData's layout that shows all partitions of a run as whole tables, without copying
// them: obs/_index, obs/segment, obs/second, obs/distance, obs/margin, obsm/embedding and obsm/map are
// virtual datasets, uns/centroids is a copy. h5py and anndata open it like any other file.
//
// HDF5 reads fill values, silently, where a source is missing or the reader has no file descriptor left (a
// dataset's sources stay open: `ulimit -n` must exceed the partitions). Kohort's own readers never do
// (dataset_source.h); for others the fill values stand out: NaN, segment -1, and the id "missing file".
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "parallel/communicator.h"

namespace kohort::store {

struct VirtualIndex {
    std::string stage, key;  // as every file of a run carries them
    std::int32_t partitions = 0;
    std::map<std::int32_t, std::string>
        tags;  // of segments by number (>= 0), for the categorical obs/tag; none: no such column
};

// Collective. Writes RUN/kohort.h5 from RUN/{corpus,embedding,segment}/part-*.h5 and
// RUN/segment/centroids.h5; what partition 0 does not have is left out. File names inside are relative: the
// run can be moved. Returns the file's SHA-256 on every rank. Error(environment) when a partition is missing
// or damaged, or when partitions disagree about their rows, columns or types.
std::string write_virtual_index(parallel::Communicator& comm, const std::filesystem::path& run,
                                const VirtualIndex& index);

// Collective. Opens and reads every source of every virtual dataset of `file`. Error(environment) naming the
// first that is missing, damaged or of another shape.
void check_virtual_index(parallel::Communicator& comm, const std::filesystem::path& file);

}  // namespace kohort::store

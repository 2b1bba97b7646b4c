// Segments keep their numbers from run to run: the centres of an earlier run's segments are matched one to one with
// the new ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cluster/row_set.h"
#include "parallel/communicator.h"

namespace kohort::segment {

struct SegmentMatch {
    std::vector<std::int32_t> numbers;  // [k] the number of each new segment
    std::int64_t kept = 0, born = 0, retired = 0;
};

// Numbers for a run without a past: by size, largest first, ties by row. [k] number of each row of the centroids.
std::vector<std::int32_t> numbers_by_size(const std::vector<std::int64_t>& counts);

// An earlier run's segments seen from the new run: where their members are now.
struct PreviousSegments {
    std::vector<std::int32_t> numbers;   // of the earlier run, ascending
    std::vector<double> centres;         // [numbers, d]: the mean of their members' new vectors
    std::vector<std::int64_t> members;   // members that the new run has too
    std::int32_t next_number = 0;        // the first number never used
};

// Collective. Looks up the earlier segment of each user by id; the two runs may have different partitions, and their
// vectors may come from different models: only ids link them. ids[i] is the user
// of this rank's row i. Error(usage) where `previous` is no finished run.
PreviousSegments read_previous(parallel::Communicator& comm, const std::filesystem::path& previous,
                               const std::vector<std::string>& ids, const cluster::RowSet& rows);

// One to one, least sum of squared distances (Kuhn 1955, through cluster/matching.h). A pair farther apart than the
// earlier segment's centre is from its nearest earlier neighbour's is no match: the new segment gets a new number.
SegmentMatch match_segments(const PreviousSegments& previous, const std::vector<float>& centroids, std::int64_t d,
                            const std::vector<std::int64_t>& counts);

}  // namespace kohort::segment

// users_with_tags.csv: one line a user, in the order of the partitions.
#pragma once

#include <string>
#include <vector>

#include "segment/profile.h"

namespace kohort::report {

struct UserTableOptions {
    std::int64_t vector_columns = 0;  // 0: no vectors
};

// The byte order mark and the column names.
std::string user_table_head(const UserTableOptions& options);

// The lines of one partition. `profiles` by row of the centroids; vectors [users, vector_columns] or empty.
std::string user_table_lines(const segment::LabelledPartition& partition, const std::vector<segment::SegmentProfile>& profiles,
                             const segment::TermExtractor& extractor, const std::vector<float>& vectors,
                             const UserTableOptions& options);

}  // namespace kohort::report

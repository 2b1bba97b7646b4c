// A sample of the rows for questions that need no more: which rows are drawn follows from their global ids and the
// seed, so it is the same sample whoever holds the rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/row_set.h"
#include "parallel/communicator.h"

namespace kohort::cluster {

struct RowSample {
    std::vector<float> values;          // [n, d] this rank's rows of the sample
    std::vector<std::int64_t> row_ids;  // [n] their global ids
    std::int64_t rows = 0;              // of all ranks
    std::int64_t of = 0;                // rows that it was drawn from, of all ranks

    std::vector<RowBlock> blocks() const;  // none where this rank has no row; valid while this object lives unchanged
};

// Collective. The `most` rows whose random numbers are the lowest (all rows where there are no more): every set of
// that size is equally likely. Copies the rows drawn.
RowSample draw_rows(parallel::Communicator& comm, const RowSet& rows, std::int64_t most, std::uint64_t seed);

}  // namespace kohort::cluster

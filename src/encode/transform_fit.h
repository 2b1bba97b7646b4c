// Fits a VectorTransform over all partitions of a corpus, a few of them in memory at a time, with the same bytes at any
// number of ranks and threads. Sums over partitions are exact (parallel/exact_sum.h). What is added are the values
// themselves for the mean, and for the covariance the products of blocks of centred rows: a block follows from its
// partition alone and is multiplied on one thread, in double precision, so its product does not depend on ranks; it is
// then rounded to the grid. The root alone computes the eigenvectors.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "encode/vector_transform.h"
#include "parallel/communicator.h"

namespace kohort::encode {

struct VectorSource {
    std::int64_t dimension = 0;
    std::vector<std::int32_t> partitions;                            // the same on all ranks, the dearest first
    std::function<std::vector<float>(std::int32_t partition)> read;  // its rows; called by several threads at once
};

// Collective. kind: center or whiten; columns: of the result, at most the dimension. Rows of zeros are left out.
// Components without variance (not above 1e-12 of the largest, as where there are fewer rows than dimensions) are 0, and a
// notice counts them. Error(input) where fewer than two rows are left, or where whitening finds all of them equal.
VectorTransform fit_transform(parallel::Communicator& comm, const VectorSource& source, PostProcess kind, std::int64_t columns,
                              int threads);

}  // namespace kohort::encode

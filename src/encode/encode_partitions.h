// The loop behind encode_users() and encode_table(): ranks claim partitions from a shared queue, and each worker thread
// makes and writes one of its own, so that reading, tokenizing, computing and writing overlap. Where a transform is
// fitted, the loop is gone through twice: the vectors of the first are kept in files until the transform is known.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "encode/encode.h"
#include "encode/vector_file.h"

namespace kohort::encode {

struct PartitionWork {
    std::vector<std::int32_t> order;        // of the partitions, the dearest first
    std::vector<std::int64_t> rows_before;  // [partition] rows of those before it in that order
    std::int64_t rows = 0;                  // of all
    std::string rows_are;                   // "users", for people
    std::function<EncodedPartition(std::int32_t partition)> encode;  // called by several threads at once
};

// Collective. Writes RUN/embedding/, partitions that are there already excepted. dimension: of the model.
EncodeReport encode_partitions(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage,
                               const store::StageKey& key, std::int64_t dimension, const PartitionWork& work,
                               const EncodeOptions& options);

}  // namespace kohort::encode

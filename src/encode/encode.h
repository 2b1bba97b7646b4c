// The encode stage: every user of a corpus to one vector, partition by partition, the same bytes at any number of
// ranks and threads. Partitions are claimed from a shared queue, the largest first; each worker thread of a rank
// tokenizes, computes and writes a partition of its own, so that all three overlap.
//
// RUN/embedding/part-NNNNN.h5: /obsm/embedding float32 [users, dimension], in the order of corpus/part-NNNNN.h5; the
// attributes of "/" say how the vectors were made and count users_without_text, texts and tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "encode/text_encoder.h"
#include "parallel/communicator.h"
#include "store/run_folder.h"

namespace kohort::encode {

struct EncodeOptions {
    TextEncoderOptions texts;
    bool normalize = true;  // users' vectors of length 1
    int threads = 1;        // partitions in flight on this rank; not part of the result

    // Called on a rank for each partition that it writes, with the seconds that took; by one thread at a time.
    std::function<void(std::int32_t partition, double seconds)> partition_written;
};

// Adds every option that the result depends on.
void add_to_key(store::StageKey& key, const EncodeOptions& options);

// Over all ranks and partitions, kept ones included.
struct EncodeReport {
    std::int64_t users = 0, users_without_text = 0;  // the latter have the zero vector
    std::int64_t texts = 0;                          // encoded: different within their partition
    std::int64_t tokens = 0;                         // computed, special ones included
    std::int64_t partitions = 0, partitions_reused = 0;
    std::int64_t dimension = 0;
    std::string summary;  // one line for people
};

// "embedding/part-00042.h5", relative to the run.
std::string embedding_path(std::int32_t partition);

// Collective. Reads RUN/corpus/, writes RUN/embedding/. The caller makes the stage (with the folder "embedding") from
// `key`, returns early if it is complete, and finishes it afterwards. Error(stopped) where a stop was asked for: what
// is written by then is kept. Errors of TextEncoder's constructor.
EncodeReport encode_users(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage,
                          const store::StageKey& key, const model::Encoder& model, const text::Tokenizer& tokenizer,
                          const EncodeOptions& options);

}  // namespace kohort::encode

// The encode stage: every user of a corpus to one vector, partition by partition, the same bytes at any number of
// ranks and threads. Partitions are claimed from a shared queue, the largest first; each worker thread of a rank
// tokenizes, computes and writes a partition of its own, so that all three overlap.
//
// RUN/embedding/part-NNNNN.h5: /obsm/embedding float32 or float16 [users, dimension], in the order of
// corpus/part-NNNNN.h5; the attributes of "/" say how the vectors were made and count users_without_text, texts and
// tokens. With post-processing RUN/embedding/transform.h5 holds what was done to them (vector_transform.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "encode/event_weights.h"
#include "encode/text_encoder.h"
#include "encode/vector_transform.h"
#include "parallel/communicator.h"
#include "store/run_folder.h"

namespace kohort::encode {

// How numbers of vectors are kept in files: float16 takes half the room and keeps three significant digits.
enum class Storage { float32, float16 };
std::string_view name_of(Storage storage);

struct PostProcessing {
    PostProcess kind = PostProcess::none;
    std::int64_t dimensions = 0;  // of whitened vectors; 0: as many as the model's
    std::filesystem::path file;   // a saved transform, and its SHA-256
    std::string file_sha256;
};

struct EncodeOptions {
    TextEncoderOptions texts;
    bool normalize = true;  // vectors of length 1, before and after post-processing; otherwise see encode_users, encode_table
    EventWeights weights;   // of users' events
    PostProcessing post_processing;
    Storage storage = Storage::float32;
    int threads = 1;        // partitions in flight on this rank; not part of the result

    // Called on a rank for each partition that it writes, with the seconds that took; by one thread at a time.
    std::function<void(std::int32_t partition, double seconds)> partition_written;
};

// Adds every option that the result depends on; those that are as ever add nothing.
void add_to_key(store::StageKey& key, const EncodeOptions& options);

// Over all ranks and partitions, kept ones included.
struct EncodeReport {
    std::int64_t users = 0, users_without_text = 0;  // the latter have the zero vector
    std::int64_t texts = 0;                          // encoded: different within their partition
    std::int64_t tokens = 0;                         // computed, special ones included
    std::int64_t long_texts = 0;                     // of the texts, cut or split into windows
    std::int64_t events_without_time = 0;            // counted where age matters
    std::int64_t rejected = 0;                       // rows of a table that were no records
    std::int64_t first_rejected = -1;                // the first of those in partitions of this rank; -1: none
    std::string rejected_because;                    // and why
    std::int64_t partitions = 0, partitions_reused = 0;
    std::int64_t dimension = 0;
    std::string summary;  // one line for people
};

// "embedding/part-00042.h5", relative to the run.
std::string embedding_path(std::int32_t partition);

// Collective. Reads RUN/corpus/, writes RUN/embedding/. A user's vector is the weighted mean of unit vectors of texts
// (user_pooling.h), with `normalize` scaled to length 1. The caller makes the stage (with the folder "embedding") from
// `key`, returns early if it is complete, and finishes it afterwards. Error(stopped) where a stop was asked for: what
// is written by then is kept. Errors of TextEncoder's constructor; Error(usage) where vectors do not fit float16, or the
// post-processing not the model; errors of fit_transform().
EncodeReport encode_users(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage,
                          const store::StageKey& key, const model::Encoder& model, const text::Tokenizer& tokenizer,
                          const EncodeOptions& options);

}  // namespace kohort::encode

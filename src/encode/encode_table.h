// Rows of any table to vectors, in the order of the input: items, headlines, ads. The same bytes at any number of ranks
// and threads.
//
// RUN/embedding/part-NNNNN.h5: /obsm/embedding float32 or float16 [rows, dimension] of consecutive rows; the attributes of
// "/" say how the vectors were made and count rows without text and tokens. RUN/kohort.h5 shows them as one table.
#pragma once

#include <cstdint>
#include <string>

#include "corpus/text_table.h"
#include "encode/encode.h"

namespace kohort::encode {

// Collective. The caller makes the stage from `key` and finishes it. Error(input) where more than max_bad_fraction of
// the rows are no record or not in the table's encoding; fewer have the zero vector, as rows without text do.
// A row's vector is its text's: scaled to length 1 with `normalize`, and otherwise as it is pooled from the model's token
// vectors. The options for events do not matter. Otherwise as encode_users(); its report counts rows as users.
EncodeReport encode_table(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage,
                          const store::StageKey& key, const model::Encoder& model, const text::Tokenizer* tokenizer,
                          const corpus::TextTable& table, double max_bad_fraction, const EncodeOptions& options);

}  // namespace kohort::encode

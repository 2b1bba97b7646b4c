// A sample of different texts from all ranks, for what is learnt from texts on one rank.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/communicator.h"
#include "text/text_source.h"

namespace kohort::text {

struct TextSampleOptions {
    std::int64_t most_bytes = 8 << 20;                 // of all texts in the sample
    std::int64_t longest_text = 4096;                  // bytes; what is longer is cut
    std::function<void(std::string&)> normalize = {};  // of each text, before it is compared with others; empty: none
};

// Collective. On rank 0 the different texts by bytes, on other ranks nothing: all of them, or those with the lowest hashes
// that together fit. So they do not depend on the number of ranks, on how texts are spread, or on how often one comes.
// A rank holds most_bytes of texts twice at most, and some hundred bytes for each text.
std::vector<std::string> sample_texts(parallel::Communicator& comm, const TextSource& source, const TextSampleOptions& options);

}  // namespace kohort::text

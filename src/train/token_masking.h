// Which tokens of a text are hidden for masked language modelling, and behind what (Devlin et al. 2019, appendix
// A.1): of the chosen tokens 80% become [MASK], 10% another token, 10% stay.
#pragma once

#include <cstdint>
#include <vector>

#include "train/sampler.h"

namespace kohort::train {

struct MaskOptions {
    std::uint64_t seed = 0;
    double share = 0.15;
    std::int64_t vocabulary = 0;
    text::SpecialTokens special;
};

struct MaskedSequence {
    Sequence ids;                        // what the model sees
    std::vector<std::int32_t> places;    // of the hidden tokens, rising; at least one where there is any to hide
    std::vector<text::TokenId> targets;  // what stood there
};

// Each token but the special ones is chosen with probability `share`; if none is, one is chosen all the same.
// A function of the seed and of the text's position in the stream of samples.
MaskedSequence mask_tokens(const Sequence& sequence, std::int64_t position, const MaskOptions& options);

}  // namespace kohort::train

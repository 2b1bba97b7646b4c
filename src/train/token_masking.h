// Which tokens of a text are hidden for masked language modelling, and behind what (Devlin et al. 2019, appendix
// A.1): of the chosen tokens 80% become [MASK], 10% another token, 10% stay. Where a sequence says which tokens are one word
// (draw_text_in_words), words are chosen as a whole (Cui et al. 2021, "Pre-training with whole word masking for Chinese
// BERT", section 3.1), so that a character is not guessed from the rest of its word. What a chosen token becomes is decided
// token by token, as in BERT's own program for whole words: else a word would be shown entire one time in ten.
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

// Each word (each token, where no words are marked) but the special tokens is chosen with probability `share`, so that this is
// also the expected share of tokens, whatever words are long; if none is, one is chosen all the same. The result carries no
// marks of words. A function of the seed and of the text's position in the stream of samples.
MaskedSequence mask_tokens(const Sequence& sequence, std::int64_t position, const MaskOptions& options);

}  // namespace kohort::train

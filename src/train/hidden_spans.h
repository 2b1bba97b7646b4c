// Which spans of a text are hidden for T5, and what the encoder and the decoder are given (Raffel et al. 2020, section
// 3.1.4): each span becomes one sentinel, and the target is the spans, each behind its sentinel.
#pragma once

#include <cstdint>
#include <vector>

#include "train/sampler.h"

namespace kohort::train {

struct SpanOptions {
    std::uint64_t seed = 0;
    double share = 0.15;     // of the tokens
    double mean_length = 3;  // of a span
    text::SpecialTokens special;
    text::TokenId end = -1;                // closes a target
    std::vector<text::TokenId> sentinels;  // at least two
};

struct SpanSequences {
    Sequence source;  // the text with a sentinel for each span
    Sequence target;  // sentinel, span, …, the next sentinel, end
};

// `share` of the tokens are hidden, rounded and at least one, in as many spans as the mean length gives; all lengths of them
// and all their places (never side by side) are equally likely. The special tokens at the sequence's ends stay. A function
// of the seed and of the text's position in the stream of samples.
SpanSequences hide_spans(const Sequence& sequence, std::int64_t position, const SpanOptions& options);

}  // namespace kohort::train

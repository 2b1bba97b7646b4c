// Where an encoder drops values while it is trained, and where it gets the masks.
#pragma once

#include <torch/torch.h>

namespace kohort::model {

// Places in a model where training drops values. Numbers are part of the random streams' keys: fixed for ever.
enum class DropoutSite : int {
    embeddings = 0,  // the sum of the embeddings, layer -1
    attention = 1,   // the attention probabilities
    attention_output = 2,
    feed_forward_output = 3,
    feed_forward_inner = 4,  // T5: what the feed-forward layer's second product is given
    output = 5,              // T5: the last norm's values, layer -1
    // The same places of T5's decoder, and its attention to the encoder's output.
    decoder_embeddings = 6,
    decoder_attention = 7,
    decoder_attention_output = 8,
    cross_attention = 9,
    cross_attention_output = 10,
    decoder_feed_forward_inner = 11,
    decoder_feed_forward_output = 12,
    decoder_output = 13
};

// LibTorch's own random numbers depend on threads and call order, so the caller makes the masks, at its own rate
// whatever config.json says. No source means no dropout: inference.
class DropoutSource {
  public:
    virtual ~DropoutSource() = default;
    // fp32 of `shape` on the CPU: 0 where a value is dropped and 1 / (1 - rate) elsewhere. The first dimension counts
    // the batch's sequences. Shapes: [B, T, width], for attention [B, heads, T, tokens looked at].
    virtual torch::Tensor scaled_mask(int layer, DropoutSite site, torch::IntArrayRef shape) = 0;
};

}  // namespace kohort::model

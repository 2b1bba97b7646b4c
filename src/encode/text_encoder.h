// Texts to vectors: tokens, batches of similar length, the encoder, pooling. One call runs on the caller's
// thread alone, so its result depends on its texts only; callers run several at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/kept_memory.h"
#include "encode/long_texts.h"
#include "model/device.h"

namespace kohort::model {
class Encoder;
}
namespace kohort::text {
class Tokenizer;
}

namespace kohort::encode {

// How a text's vector is made from its tokens' vectors: their mean, special tokens included, the first one, or the last.
enum class Pooling { mean, cls, last };
Pooling parse_pooling(std::string_view option);  // "mean", "cls", "last"; Error(usage) otherwise
std::string_view name_of(Pooling pooling);

struct TextEncoderOptions {
    Pooling pooling = Pooling::mean;
    std::int64_t max_tokens = 32;  // of a sequence, special tokens included
    LongTexts long_texts = LongTexts::cut;
    std::int64_t window_overlap = 0;  // tokens that a window shares with the one before it
    bool unit = true;                 // vectors of length 1, or as they are pooled
    model::Precision precision = model::Precision::fp32;
    model::Device device;
    std::int64_t batch_tokens = 1024;  // of one micro-batch; part of the result, see length_planner.h
};

struct EncodedTexts {
    std::vector<float> vectors;            // [texts, dimension]; 0 for a text without tokens
    std::vector<std::uint8_t> has_tokens;  // [texts]
    std::int64_t tokens = 0;               // computed, special ones included
    std::int64_t long_texts = 0;           // of more than max_tokens
};

class TextEncoder {
  public:
    // Keeps a copy of the weights in the precision and on the device asked for. tokenizer: must live as long; null where
    // only ids will be encoded. Error(usage) where max_tokens is more than the model's longest sequence or leaves no
    // room for what a window adds to the one before it, or the tokenizer's vocabulary is more than the model's embeddings.
    TextEncoder(const model::Encoder& model, const text::Tokenizer* tokenizer, const TextEncoderOptions& options);
    ~TextEncoder();

    std::int64_t dimension() const;
    std::int64_t vocabulary() const;  // token ids are below it

    // Both are thread-safe.
    EncodedTexts encode(std::span<const std::string_view> texts) const;
    // Texts as token ids, taken as they are: no special tokens are added, nor around windows. Error(input) for an id that
    // the model does not embed.
    EncodedTexts encode_ids(std::span<const std::vector<std::int32_t>> texts) const;

  private:
    struct Sequences;
    EncodedTexts encode_sequences(Sequences sequences) const;

    struct State;
    std::optional<base::KeptMemory> kept_memory_;
    std::unique_ptr<const State> state_;
};

}  // namespace kohort::encode

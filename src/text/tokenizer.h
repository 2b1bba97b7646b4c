// Text to token ids, in Hugging Face's ids. Implementations: wordpiece.h, byte_level_bpe.h, unigram_tokenizer.h,
// sentencepiece_tokenizer.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kohort::text {

using TokenId = std::int32_t;

struct SpecialTokens {  // -1: the vocabulary has none
    TokenId pad = -1, unknown = -1, classify = -1, separate = -1, mask = -1;
};

// Immutable after loading: every function is thread-safe.
class Tokenizer {
  public:
    virtual ~Tokenizer() = default;

    // Appends the ids of `utf8` without special tokens. Invalid bytes count as U+FFFD.
    virtual void encode(std::string_view utf8, std::vector<TokenId>& ids) const = 0;

    virtual std::int64_t vocabulary_size() const = 0;
    virtual const std::string& token(TokenId id) const = 0;
    virtual const SpecialTokens& special() const = 0;

    // The ids with special tokens as the post-processor says ([CLS] … [SEP]), cut to `most` ids in all (>= 2).
    virtual std::vector<TokenId> encode_for_model(std::string_view utf8, std::int64_t most) const = 0;

    // A pair of texts as the post-processor joins them; the longer one is cut first. Error(usage) where the kind of
    // tokenizer has no pairs.
    virtual std::vector<TokenId> encode_pair_for_model(std::string_view first, std::string_view second,
                                                       std::int64_t most) const;

    // Writes the files from which load_tokenizer and Hugging Face's libraries make this tokenizer again, the same
    // bytes every time. most: the longest sequence of the model it belongs to.
    virtual void save(const std::filesystem::path& folder, std::int64_t most) const;
};

// From the first of these that a folder holds: tokenizer.json; vocab.txt (+ tokenizer_config.json); vocab.json with
// merges.txt, or encoder.json with vocab.bpe; spiece.model, or the only *.model. Or from one of these files.
// What tokenizer_config.json or added_tokens.json adds to a vocabulary beside it is read too.
// A vocab.txt without tokenizer_config.json means lowercase; `lowercase` overrides all files of BERT's kind, where given.
// Error(usage) when nothing there is a tokenizer that Kohort knows.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path, std::optional<bool> lowercase = std::nullopt);

}  // namespace kohort::text

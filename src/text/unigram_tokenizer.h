// Unigram as Hugging Face's Rust tokenizers run it on tokenizer.json (T5, mT5, XLM-R, ALBERT): words are cut at white
// space, each with "▁" in front, and each is cut into pieces by itself.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "text/pipeline_tokenizer.h"
#include "text/unigram.h"

namespace kohort::text {

struct Metaspace {
    enum class Prepend { always, first, never };  // first: only where the text begins

    std::string replacement = "▁";  // stands for a blank
    Prepend prepend = Prepend::always;
    bool split = true;  // words begin at the replacement
};

struct UnigramSettings {
    std::vector<std::pair<std::string, double>> pieces;  // by id: text and log probability
    TokenId unknown = -1;                                // one of them
    bool byte_fallback = false;  // what is unknown becomes <0x00> … <0xFF>, where all of them are pieces
    bool split_white_space = false;                      // before anything else; the white space is dropped
    bool has_metaspace = true;
    Metaspace metaspace;
    PipelineSettings pipeline;  // its vocabulary is made from `pieces` and the added tokens
};

class UnigramTokenizer final : public PipelineTokenizer {
  public:
    // Error(usage) where a piece is empty or comes twice, where a score is no number, or where there is no unknown piece.
    explicit UnigramTokenizer(UnigramSettings settings);

  protected:
    void encode_stretch(std::string_view text, bool first, std::size_t most, std::vector<TokenId>& ids) const override;

  private:
    void encode_part(std::string_view text, bool first, std::size_t most, std::vector<TokenId>& ids) const;
    void encode_word(std::string_view word, std::vector<TokenId>& ids) const;
    void encode_unknown(std::string_view text, std::vector<TokenId>& ids) const;

    UnigramModel model_;
    TokenId unknown_;
    std::array<TokenId, 256> byte_ids_;  // -1: no piece; all, where there is no byte fallback
    bool split_white_space_, has_metaspace_;
    Metaspace metaspace_;
    std::uint32_t owner_;  // of words in the cache
};

// "<0x0A>", as vocabularies spell a byte.
std::string byte_piece(unsigned byte);

}  // namespace kohort::text

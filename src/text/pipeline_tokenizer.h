// What byte-level BPE and unigram have in common: added tokens are found first in the text as it stands, then in its
// normalised form; what lies between them goes to the model; the post-processor puts the special tokens around it.
// Order of steps as in Hugging Face's Rust tokenizers (AddedVocabulary::extract_and_normalize, then the model).
#pragma once

#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/post_processor.h"
#include "text/text_normalizer.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace kohort::text {

struct TokenizerFile {
    std::string name, bytes;
};

struct PipelineSettings {
    Vocabulary vocabulary;  // with the added tokens
    std::vector<AddedToken> added;
    TextNormalizer before_all;  // of the text as it stands, before added tokens are looked for
    TextNormalizer normalizer;
    PostProcessor post_processor;
    // A text's first token is left out where it is this one and a special token follows. -1: none.
    TokenId not_before_special = -1;
    std::vector<TokenizerFile> files;  // what the tokenizer was read from
};

class PipelineTokenizer : public Tokenizer {
  public:
    void encode(std::string_view utf8, std::vector<TokenId>& ids) const final;
    std::int64_t vocabulary_size() const final { return settings_.vocabulary.size(); }
    const std::string& token(TokenId id) const final { return settings_.vocabulary.token(id); }
    const SpecialTokens& special() const final { return special_; }
    std::vector<TokenId> encode_for_model(std::string_view utf8, std::int64_t most) const final;
    std::vector<TokenId> encode_pair_for_model(std::string_view first, std::string_view second, std::int64_t most) const final;

    // Writes the files that this was read from. Error(usage) where there were none.
    void save(const std::filesystem::path& folder, std::int64_t most) const final;

  protected:
    // The special tokens are those of BERT's and RoBERTa's names that the vocabulary has. Error(usage) where the
    // post-processor adds a token that it does not have.
    explicit PipelineTokenizer(PipelineSettings settings);

    // Appends the ids of a stretch without added tokens: normalised, valid UTF-8, not empty. first: it begins where the
    // text begins. May stop between two words once there are `most` ids.
    virtual void encode_stretch(std::string_view text, bool first, std::size_t most, std::vector<TokenId>& ids) const = 0;

  private:
    void push_added(TokenId added, std::vector<TokenId>& ids) const;
    void encode_up_to(std::string_view utf8, std::size_t most, std::vector<TokenId>& ids) const;
    std::vector<TokenId> encode_text(std::string_view utf8, std::size_t most) const;

    PipelineSettings settings_;
    SpecialTokens special_;
    AddedTokenFinder raw_, normalized_;
};

// The vocabulary with the added tokens in it.
Vocabulary with_added(Vocabulary pieces, const std::vector<AddedToken>& added);

// The first of these tokens that the vocabulary has; -1: none.
TokenId first_known(const Vocabulary& vocabulary, std::initializer_list<const char*> names);

}  // namespace kohort::text

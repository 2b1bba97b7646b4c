// WordPiece as BERT uses it: BasicTokenizer's words, each cut into the longest pieces of the vocabulary from its
// front, "##" before pieces that continue a word; [UNK] for a word that cannot be cut or is too long.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace kohort::text {

struct WordPieceSettings {
    Vocabulary vocabulary;  // holes are allowed
    BertNormalizerOptions normalizer;
    std::string unknown = "[UNK]";
    std::string prefix = "##";
    std::int64_t most_characters = 100;  // a longer word is unknown
    std::vector<AddedToken> added;
    PostProcessor post_processor;
    SpecialTokens special;  // by default those of BERT's names that the vocabulary has
};

// BERT's settings for a plain vocabulary: its five special tokens are added tokens where the vocabulary has them,
// and a text becomes [CLS] text [SEP]. Error(usage) when [UNK], [CLS] or [SEP] is missing.
WordPieceSettings bert_settings(Vocabulary vocabulary, const BertNormalizerOptions& normalizer);

class WordPiece final : public Tokenizer {
  public:
    explicit WordPiece(WordPieceSettings settings);
    ~WordPiece() override;

    const WordPieceSettings& settings() const;

    void encode(std::string_view utf8, std::vector<TokenId>& ids) const override;
    std::int64_t vocabulary_size() const override;
    const std::string& token(TokenId id) const override;
    const SpecialTokens& special() const override;
    std::vector<TokenId> encode_for_model(std::string_view utf8, std::int64_t most) const override;
    std::vector<TokenId> encode_pair_for_model(std::string_view first, std::string_view second,
                                               std::int64_t most) const override;
    void save(const std::filesystem::path& folder, std::int64_t most) const override;

  private:
    struct State;
    std::unique_ptr<const State> state_;
};

// The ids of one normalised word by the definition, longest match first: slow, and what WordPiece must equal.
std::vector<TokenId> cut_word(std::string_view word, const WordPieceSettings& settings);

}  // namespace kohort::text

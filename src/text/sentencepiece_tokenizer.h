// Unigram as the SentencePiece library runs it on its own model files, with what transformers' T5Tokenizer adds: </s>
// behind a text, and special tokens that are found in texts, <extra_id_0> … among them. Or as its XLMRobertaTokenizer has
// it: <s> and </s> around a text, and ids that are not those of the file.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>

#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece_model.h"
#include "text/sentencepiece_normalizer.h"
#include "text/unigram.h"

namespace kohort::text {

enum class SentencePieceKind { t5, xlm_roberta };

struct SentencePieceLayout {
    SentencePieceKind kind = SentencePieceKind::t5;
    std::int64_t extra = 0;  // T5: how many tokens <extra_id_0> … follow the pieces, the last of them first
    // T5: text behind a special token begins as a text does. false: it does not, "</s>a" is no word of its own.
    bool legacy = true;
    std::vector<AddedToken> added = {};  // that the files beside name; those that are there anyway change nothing
};

class SentencePieceTokenizer final : public PipelineTokenizer {
  public:
    // Error(usage) where the model's table of rules is broken, and for XLM-RoBERTa where its first pieces are not <unk>
    // and two control symbols.
    SentencePieceTokenizer(const SentencePieceModel& model, const SentencePieceLayout& layout, std::vector<TokenizerFile> files);

  protected:
    void encode_stretch(std::string_view text, bool first, std::size_t most, std::vector<TokenId>& ids) const override;

  private:
    void cut(std::string_view normalized, std::vector<TokenId>& ids) const;

    SentencePieceNormalizer normalizer_;
    UnigramModel model_;
    TokenId unknown_;
    bool byte_fallback_, legacy_;
    std::array<TokenId, 256> byte_ids_;
    std::string unknown_piece_;
    std::size_t unknown_length_ = 0;  // tokens of the unknown piece, read as text
};

// spiece.model, or the only file *.model of a folder.
std::optional<std::filesystem::path> sentencepiece_file_in(const std::filesystem::path& folder);

// The kind is what tokenizer_config.json beside the file names as tokenizer_class, or else follows from the file's name:
// sentencepiece.bpe.model is XLM-RoBERTa's, any other T5's. The number of extra tokens stands in tokenizer_config.json beside
// the file ("extra_ids"), and so does "legacy". Without a number spiece.model has T5's 100, as transformers takes it, unless
// they are among its pieces; a file of another name has none.
// save() writes spiece.model and the number, or sentencepiece.bpe.model. Error(usage) names the file.
std::unique_ptr<Tokenizer> read_sentencepiece(const std::filesystem::path& path);

}  // namespace kohort::text

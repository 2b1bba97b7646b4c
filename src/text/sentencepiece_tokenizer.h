// Unigram as the SentencePiece library runs it on its own model files, with what transformers' T5Tokenizer adds: </s>
// behind a text, and special tokens that are found in texts, <extra_id_0> … among them.
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

class SentencePieceTokenizer final : public PipelineTokenizer {
  public:
    // extra: how many tokens <extra_id_0> … follow the pieces, the last of them first. Error(usage) where the model's
    // table of rules is broken.
    SentencePieceTokenizer(const SentencePieceModel& model, std::int64_t extra, std::vector<TokenizerFile> files);

  protected:
    void encode_stretch(std::string_view text, bool first, std::size_t most, std::vector<TokenId>& ids) const override;

  private:
    SentencePieceNormalizer normalizer_;
    UnigramModel model_;
    TokenId unknown_;
    bool byte_fallback_;
    std::array<TokenId, 256> byte_ids_;
};

// spiece.model, or the only file *.model of a folder.
std::optional<std::filesystem::path> sentencepiece_file_in(const std::filesystem::path& folder);

// The number of extra tokens stands in tokenizer_config.json beside the file ("extra_ids"). Without it spiece.model has
// T5's 100, as transformers takes it, unless they are among its pieces; a file of another name has none.
// save() writes spiece.model, and the number. Error(usage) names the file.
std::unique_ptr<Tokenizer> read_sentencepiece(const std::filesystem::path& path);

}  // namespace kohort::text

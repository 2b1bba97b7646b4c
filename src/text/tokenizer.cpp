#include "text/tokenizer.h"

#include "base/error.h"
#include "text/byte_level_bpe_files.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer_json.h"
#include "text/wordpiece_files.h"

namespace kohort::text {

using base::ErrorKind;

std::vector<TokenId> Tokenizer::encode_pair_for_model(std::string_view, std::string_view, std::int64_t) const {
    base::fail(ErrorKind::usage, "this tokenizer does not know how to join a pair of texts");
}

namespace {

// Half of a pair of files is the likeliest mistake.
std::string what_is_missing(const std::filesystem::path& folder) {
    for (const auto& [one, other] : {std::pair{"vocab.json", "merges.txt"},
                                     {"merges.txt", "vocab.json"},
                                     {"encoder.json", "vocab.bpe"},
                                     {"vocab.bpe", "encoder.json"}})
        if (std::filesystem::exists(folder / one)) return fmt::format(": {} is there, but {} is missing", one, other);
    return "";
}

}  // namespace

void Tokenizer::save(const std::filesystem::path& folder, std::int64_t) const {
    base::fail(ErrorKind::usage, "this tokenizer cannot be saved to {}", folder.string());
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path, std::optional<bool> lowercase) {
    namespace fs = std::filesystem;
    if (!fs::exists(path))
        base::fail(ErrorKind::usage, "{} does not exist: give a folder with tokenizer.json or vocab.txt, or such a file",
                   path.string());
    if (fs::is_directory(path)) {
        if (fs::exists(path / "tokenizer.json")) return read_tokenizer_json(path / "tokenizer.json", lowercase);
        if (fs::exists(path / "vocab.txt")) return read_bert_vocabulary(path / "vocab.txt", lowercase);
        if (holds_byte_level_bpe(path)) return read_byte_level_bpe(path);
        if (const auto model = sentencepiece_file_in(path)) return read_sentencepiece(*model);
        base::fail(ErrorKind::usage,
                   "{} holds neither tokenizer.json nor vocab.txt, nor vocab.json with merges.txt, nor spiece.model, so there "
                   "is no tokenizer in it{}",
                   path.string(), what_is_missing(path));
    }
    if (path.extension() == ".model") return read_sentencepiece(path);
    if (is_byte_level_bpe_file(path)) return read_byte_level_bpe(path.parent_path());
    if (path.extension() == ".json") return read_tokenizer_json(path, lowercase);
    if (path.extension() == ".txt") return read_bert_vocabulary(path, lowercase);
    base::fail(ErrorKind::usage,
               "{} is no tokenizer that Kohort knows: give tokenizer.json, vocab.txt, vocab.json beside merges.txt, or a "
               ".model of SentencePiece",
               path.string());
}

}  // namespace kohort::text

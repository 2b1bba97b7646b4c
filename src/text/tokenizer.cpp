#include "text/tokenizer.h"

#include "base/error.h"
#include "text/byte_level_bpe.h"
#include "text/tokenizer_json.h"
#include "text/wordpiece_files.h"

namespace kohort::text {

using base::ErrorKind;

std::vector<TokenId> Tokenizer::encode_pair_for_model(std::string_view, std::string_view, std::int64_t) const {
    base::fail(ErrorKind::usage, "this tokenizer does not know how to join a pair of texts");
}

void Tokenizer::save(const std::filesystem::path& folder, std::int64_t) const {
    base::fail(ErrorKind::usage, "this tokenizer cannot be saved to {}", folder.string());
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path, std::optional<bool> lowercase) {
    namespace fs = std::filesystem;
    if (!fs::exists(path))
        base::fail(ErrorKind::usage, "{} does not exist: give a folder with tokenizer.json or vocab.txt, or such a file", path.string());
    if (fs::is_directory(path)) {
        if (holds_byte_level_bpe(path)) return read_byte_level_bpe(path);
        if (fs::exists(path / "tokenizer.json")) return read_tokenizer_json(path / "tokenizer.json", lowercase);
        if (fs::exists(path / "vocab.txt")) return read_bert_vocabulary(path / "vocab.txt", lowercase);
        base::fail(ErrorKind::usage, "{} holds neither tokenizer.json nor vocab.txt, nor vocab.json with merges.txt, so there is no tokenizer in it", path.string());
    }
    if (path.extension() == ".json") return read_tokenizer_json(path, lowercase);
    if (path.extension() == ".txt") return read_bert_vocabulary(path, lowercase);
    base::fail(ErrorKind::usage, "{} is no tokenizer that Kohort knows: give tokenizer.json or vocab.txt", path.string());
}

}  // namespace kohort::text

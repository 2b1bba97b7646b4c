#include "model_folder.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "model/pretrained.h"

namespace kohort::jobs {
namespace {

constexpr const char* tokenizer_files[] = {"vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                                           "vocab.json", "merges.txt", "encoder.json", "vocab.bpe", "spiece.model"};

std::string listing(const std::filesystem::path& folder, const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += name + " " + base::sha256_file(folder / name) + "\n";
    return text;
}

}  // namespace

std::vector<std::string> tokenizer_files_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    for (const auto* name : tokenizer_files)
        if (std::filesystem::exists(folder / name)) names.emplace_back(name);
    return names;
}

std::string fingerprint_of_model(const std::filesystem::path& folder) {
    return base::sha256_hex(listing(folder, model::model_files(folder)) + listing(folder, tokenizer_files_in(folder)));
}

std::string fingerprint_of_tokenizer(const std::filesystem::path& path) {
    if (std::filesystem::is_regular_file(path)) return base::sha256_file(path);
    const auto names = tokenizer_files_in(path);
    if (names.empty()) base::fail(base::ErrorKind::usage, "--tokenizer {}: no tokenizer there", path.string());
    return base::sha256_hex(listing(path, names));
}

void copy_into_run(store::RunFolder& run, store::Stage& stage, const std::string& folder, const std::filesystem::path& from,
                   const std::vector<std::string>& names) {
    for (const auto& name : names) {
        const auto target = folder + "/" + name;
        const auto content = base::read_file(from / name);
        base::write_file_atomically(run.path() / target, content);
        stage.add(target, base::sha256_hex(content));
    }
}

}  // namespace kohort::jobs

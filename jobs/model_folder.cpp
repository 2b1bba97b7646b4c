#include "model_folder.h"

#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "model/pretrained.h"
#include "model/sentence_settings.h"
#include "model/weight_files.h"

namespace kohort::jobs {
namespace {

constexpr const char* tokenizer_files[] = {"vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
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
    // Where none of these is there, a SentencePiece model of any name may be the tokenizer (XLM-RoBERTa's is called
    // sentencepiece.bpe.model).
    for (const char* known : {"tokenizer.json", "vocab.txt", "spiece.model"})
        if (std::ranges::find(names, known) != names.end()) return names;
    std::vector<std::string> models;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(folder, none))
        if (entry.path().extension() == ".model") models.push_back(entry.path().filename().string());
    std::ranges::sort(models);
    names.insert(names.end(), models.begin(), models.end());
    return names;
}

std::vector<std::string> files_beside_model(const std::filesystem::path& folder) {
    auto names = tokenizer_files_in(folder);
    for (auto& name : model::sentence_files_in(folder)) names.push_back(std::move(name));
    return names;
}

void follow_model_folder(Options& options, bool notice) {
    if (!options.names("model")) return;
    std::filesystem::path folder;  // where the job will find its model
    if (options.given("model")) folder = options.text("model");
    else if (options.job() == "encode") folder = std::filesystem::path(options.text("out")) / "model";
    else if (options.job() == "finetune") folder = std::filesystem::path(options.text("out")) / "pretrained";
    if (folder.empty() || !std::filesystem::exists(folder / model::config_file)) return;
    const auto settings = model::read_sentence_settings(folder, options.names("pooling") && !options.given("pooling"));
    std::string taken;
    const auto take = [&](const char* name, const std::string& value) {
        if (value.empty() || !options.names(name) || options.given(name)) return;
        options.assume(name, value);
        taken += fmt::format("{}--{} {}", taken.empty() ? "" : ", ", name, value);
    };
    take("pooling", settings.pooling);
    if (settings.max_tokens > 0) take("max-tokens", std::to_string(std::min(settings.max_tokens, model::check_encoder(folder))));
    // What suits a small new model undoes in a few steps what a trained one has learned.
    if (options.given("model") && options.job() != "run" && options.job() != "encode") take("learning-rate", "5e-05");
    if (!notice) return;
    if (!taken.empty()) base::log_info("by the model in {}: {}", folder.string(), taken);
    if (!settings.not_done.empty())
        base::log_warning("{} asks for what is not done here: {}", folder.string(), fmt::join(settings.not_done, ", "));
}

std::string fingerprint_of_model(const std::filesystem::path& folder) {
    return base::sha256_hex(listing(folder, model::model_files(folder)) + listing(folder, files_beside_model(folder)));
}

std::string fingerprint_of_tokenizer(const std::filesystem::path& path) {
    if (std::filesystem::is_regular_file(path)) {  // what lies beside it counts too: merges, settings
        const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
        return base::sha256_hex(base::sha256_file(path) + listing(folder, tokenizer_files_in(folder)));
    }
    const auto names = tokenizer_files_in(path);
    if (names.empty()) base::fail(base::ErrorKind::usage, "--tokenizer {}: no tokenizer there", path.string());
    return base::sha256_hex(listing(path, names));
}

void copy_into_run(store::RunFolder& run, store::Stage& stage, const std::string& folder, const std::filesystem::path& from,
                   const std::vector<std::string>& names) {
    for (const auto& name : names) {
        const auto target = folder + "/" + name;
        std::filesystem::create_directories((run.path() / target).parent_path());
        stage.add(target, base::copy_file_atomically(from / name, run.path() / target));
    }
}

}  // namespace kohort::jobs

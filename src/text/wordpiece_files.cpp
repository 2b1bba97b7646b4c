#include "text/wordpiece_files.h"

#include <string>

#include "base/atomic_file.h"
#include "base/error.h"
#include "text/added_token_files.h"
#include "text/tokenizer_class.h"
#include "text/tokenizer_json_writer.h"

namespace kohort::text {
namespace {

using nlohmann::ordered_json;

std::string token_name(const WordPieceSettings& settings, TokenId id) {
    for (const AddedToken& token : settings.added)
        if (token.id == id) return token.content;
    return settings.vocabulary.token(id);
}

TokenNames names_of(const WordPieceSettings& settings) {
    return [&settings](TokenId id) { return token_name(settings, id); };
}

ordered_json tokenizer_json(const WordPieceSettings& settings) {
    ordered_json vocabulary = ordered_json::object();
    for (TokenId id = 0; id < settings.vocabulary.size(); ++id) {
        const std::string& token = settings.vocabulary.token(id);
        if (!token.empty() && settings.vocabulary.id(token) == id) vocabulary.push_back({token, id});
    }
    const BertNormalizerOptions& normalizer = settings.normalizer;
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added_tokens_json(settings.added)},
            {"normalizer",
             {{"type", "BertNormalizer"},
              {"clean_text", normalizer.clean_text},
              {"handle_chinese_chars", normalizer.handle_chinese_chars},
              {"strip_accents", normalizer.strip_accents ? ordered_json(*normalizer.strip_accents) : ordered_json(nullptr)},
              {"lowercase", normalizer.lowercase}}},
            {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
            {"post_processor", post_processor_json(settings.post_processor, names_of(settings))},
            {"decoder", {{"type", "WordPiece"}, {"prefix", settings.prefix}, {"cleanup", true}}},
            {"model",
             {{"type", "WordPiece"},
              {"unk_token", settings.unknown},
              {"continuing_subword_prefix", settings.prefix},
              {"max_input_chars_per_word", settings.most_characters},
              {"vocab", vocabulary}}}};
}

}  // namespace

std::unique_ptr<Tokenizer> read_bert_vocabulary(const std::filesystem::path& path, std::optional<bool> lowercase) {
    BertNormalizerOptions options;
    const std::filesystem::path config_path = path.parent_path() / "tokenizer_config.json";
    if (std::filesystem::exists(config_path)) {
        try {
            const auto config = nlohmann::json::parse(base::read_file(config_path));
            read_tokenizer_class(config, config_path,
                                 {"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "ConvBertTokenizer"});
            options.lowercase = config.value("do_lower_case", true);
            options.handle_chinese_chars = config.value("tokenize_chinese_chars", true);
            if (config.contains("strip_accents") && !config["strip_accents"].is_null())
                options.strip_accents = config["strip_accents"].get<bool>();
        } catch (const nlohmann::json::exception& problem) {
            base::fail(base::ErrorKind::usage, "{} is not as expected: {}", config_path.string(), problem.what());
        }
    }
    if (lowercase) options.lowercase = *lowercase;
    try {
        WordPieceSettings settings = bert_settings(read_vocabulary_file(path), options);
        add_missing(settings.vocabulary, read_added_tokens_beside(path.parent_path()), settings.added);
        return std::make_unique<WordPiece>(std::move(settings));
    } catch (const base::Error& problem) {
        if (problem.kind() != base::ErrorKind::usage) throw;
        base::fail(base::ErrorKind::usage, "{}: {}", path.string(), problem.what());
    }
}

void save_wordpiece(const WordPieceSettings& settings, const std::filesystem::path& folder, std::int64_t most) {
    std::filesystem::create_directories(folder);
    // A hole is an empty line, which every reader takes for a token that no text has.
    std::string lines;
    for (const std::string& token : settings.vocabulary.tokens()) lines += token + '\n';
    base::write_file_atomically(folder / "vocab.txt", lines);
    base::write_file_atomically(folder / "tokenizer.json", tokenizer_json(settings).dump(2) + '\n');

    ordered_json config = special_tokens_json(settings.special, names_of(settings));
    const BertNormalizerOptions& normalizer = settings.normalizer;
    base::write_file_atomically(folder / "special_tokens_map.json", config.dump(2) + '\n');
    config["tokenizer_class"] = "BertTokenizer";
    config["do_lower_case"] = normalizer.lowercase;
    config["strip_accents"] = normalizer.strip_accents ? ordered_json(*normalizer.strip_accents) : ordered_json(nullptr);
    config["tokenize_chinese_chars"] = normalizer.handle_chinese_chars;
    config["model_max_length"] = most;
    base::write_file_atomically(folder / "tokenizer_config.json", config.dump(2) + '\n');
}

}  // namespace kohort::text

#include "text/tokenizer_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "text/wordpiece.h"

namespace kohort::text {
namespace {

using base::ErrorKind;
using nlohmann::json;

const json& part(const json& parent, const char* name) {
    static const json none;
    const auto found = parent.find(name);
    return found == parent.end() ? none : *found;
}

std::string type_of(const json& object) { return object.is_object() ? object.value("type", "") : ""; }

[[noreturn]] void unknown_part(const char* what, const json& object, const char* known) {
    base::fail(ErrorKind::usage, "its {} is {}, but Kohort knows only {}", what,
               object.is_null() ? "missing" : "'" + type_of(object) + "'", known);
}

std::vector<AddedToken> read_added_tokens(const json& list) {
    std::vector<AddedToken> tokens;
    for (const json& entry : list) {
        AddedToken token;
        token.id = entry.at("id");
        token.content = entry.at("content");
        token.single_word = entry.value("single_word", false);
        token.lstrip = entry.value("lstrip", false);
        token.rstrip = entry.value("rstrip", false);
        token.special = entry.value("special", false);
        token.normalized = entry.value("normalized", !token.special);
        if (token.id < 0 || token.content.empty()) base::fail(ErrorKind::usage, "an added token has no text or a negative id");
        tokens.push_back(std::move(token));
    }
    return tokens;
}

std::vector<TokenId> read_template(const json& pieces, const json& special_tokens) {
    std::vector<TokenId> ids;
    for (const json& piece : pieces) {
        if (piece.contains("Sequence")) {
            ids.push_back(piece["Sequence"].at("id") == "A" ? PostProcessor::first : PostProcessor::second);
        } else {
            const std::string name = piece.at("SpecialToken").at("id");
            for (const json& id : special_tokens.at(name).at("ids")) ids.push_back(id);
        }
    }
    return ids;
}

PostProcessor read_post_processor(const json& object) {
    PostProcessor result;
    const std::string type = type_of(object);
    constexpr TokenId first = PostProcessor::first, second = PostProcessor::second;
    if (object.is_null() || type == "ByteLevel") return result;
    if (type == "TemplateProcessing") {
        result.single = read_template(object.at("single"), object.at("special_tokens"));
        result.pair = read_template(object.at("pair"), object.at("special_tokens"));
        return result;
    }
    if (type == "BertProcessing" || type == "RobertaProcessing") {
        const TokenId cls = object.at("cls").at(1), sep = object.at("sep").at(1);
        result.single = {cls, first, sep};
        result.pair = {cls, first, sep, second, sep};
        if (type == "RobertaProcessing") result.pair = {cls, first, sep, sep, second, sep};
        return result;
    }
    if (type == "Sequence") {
        for (const json& inner : object.at("processors"))
            if (type_of(inner) != "ByteLevel") return read_post_processor(inner);
        return result;
    }
    unknown_part("post_processor", object, "TemplateProcessing, BertProcessing, RobertaProcessing and ByteLevel");
}

Vocabulary read_vocabulary_object(const json& object) {
    Vocabulary vocabulary;
    for (const auto& [token, id] : object.items()) {
        // A file of a few megabytes must not make a table of gigabytes.
        const std::int64_t number = id;
        if (number < 0 || number > std::max<std::int64_t>(1 << 20, 16 * static_cast<std::int64_t>(object.size())))
            base::fail(ErrorKind::usage, "its vocabulary has an entry with the id {}", number);
        if (!token.empty()) vocabulary.set(static_cast<TokenId>(number), token);
    }
    return vocabulary;
}

TokenId first_known(const Vocabulary& vocabulary, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (const TokenId id = vocabulary.id(name); id >= 0) return id;
    return -1;
}

BertNormalizerOptions read_bert_normalizer(const json& object) {
    BertNormalizerOptions options;
    if (object.is_null()) return {.clean_text = false, .handle_chinese_chars = false, .strip_accents = false, .lowercase = false};
    if (type_of(object) != "BertNormalizer") unknown_part("normalizer", object, "BertNormalizer for WordPiece");
    options.clean_text = object.value("clean_text", true);
    options.handle_chinese_chars = object.value("handle_chinese_chars", true);
    options.lowercase = object.value("lowercase", true);
    const json& strip = part(object, "strip_accents");
    if (!strip.is_null()) options.strip_accents = strip.get<bool>();
    return options;
}

std::unique_ptr<Tokenizer> make_wordpiece(const json& file, std::optional<bool> lowercase) {
    if (type_of(part(file, "pre_tokenizer")) != "BertPreTokenizer")
        unknown_part("pre_tokenizer", part(file, "pre_tokenizer"), "BertPreTokenizer for WordPiece");
    const json& model = file.at("model");
    WordPieceSettings settings;
    settings.vocabulary = read_vocabulary_object(model.at("vocab"));
    settings.unknown = model.value("unk_token", "[UNK]");
    settings.prefix = model.value("continuing_subword_prefix", "##");
    settings.most_characters = model.value("max_input_chars_per_word", std::int64_t{100});
    settings.normalizer = read_bert_normalizer(part(file, "normalizer"));
    if (lowercase) settings.normalizer.lowercase = *lowercase;
    settings.added = read_added_tokens(part(file, "added_tokens"));
    settings.post_processor = read_post_processor(part(file, "post_processor"));
    Vocabulary all = settings.vocabulary;
    for (const AddedToken& token : settings.added) all.set(token.id, token.content);
    settings.special = {.pad = first_known(all, {"[PAD]", "<pad>"}),
                        .unknown = all.id(settings.unknown),
                        .classify = first_known(all, {"[CLS]", "<s>"}),
                        .separate = first_known(all, {"[SEP]", "</s>"}),
                        .mask = first_known(all, {"[MASK]", "<mask>"})};
    return std::make_unique<WordPiece>(std::move(settings));
}

std::unique_ptr<Tokenizer> make_tokenizer(const json& file, std::optional<bool> lowercase) {
    const json& model = part(file, "model");
    std::string type = type_of(model);
    // Files written before the type was stored.
    if (type.empty() && model.is_object() && model.contains("max_input_chars_per_word")) type = "WordPiece";
    if (type == "WordPiece") return make_wordpiece(file, lowercase);
    unknown_part("model", model, "WordPiece");
}

}  // namespace

std::unique_ptr<Tokenizer> read_tokenizer_json(const std::filesystem::path& path, std::optional<bool> lowercase) {
    try {
        return make_tokenizer(json::parse(base::read_file(path)), lowercase);
    } catch (const json::exception& problem) {
        base::fail(ErrorKind::usage, "{} is no tokenizer that Kohort can read: {}", path.string(), problem.what());
    } catch (const base::Error& problem) {
        if (problem.kind() != ErrorKind::usage) throw;
        base::fail(ErrorKind::usage, "{} is no tokenizer that Kohort can read: {}", path.string(), problem.what());
    }
}

}  // namespace kohort::text

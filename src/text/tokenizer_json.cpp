#include "text/tokenizer_json.h"

#include <map>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "text/byte_level_bpe.h"
#include "text/serde_json.h"
#include "text/tokenizer_json_parts.h"
#include "text/unigram_tokenizer.h"
#include "text/utf8.h"
#include "text/wordpiece.h"

namespace kohort::text {
namespace {

using base::ErrorKind;

BertNormalizerOptions read_bert_normalizer(const Json& object) {
    BertNormalizerOptions options;
    if (object.is_null())
        return {.clean_text = false, .handle_chinese_chars = false, .strip_accents = false, .lowercase = false};
    if (type_of(object) != "BertNormalizer") unknown_part("normalizer", object, "BertNormalizer for WordPiece");
    options.clean_text = object.value("clean_text", true);
    options.handle_chinese_chars = object.value("handle_chinese_chars", true);
    options.lowercase = object.value("lowercase", true);
    const Json& strip = part_of(object, "strip_accents");
    if (!strip.is_null()) options.strip_accents = strip.get<bool>();
    return options;
}

std::unique_ptr<Tokenizer> make_wordpiece(const Json& file, std::optional<bool> lowercase) {
    if (type_of(part_of(file, "pre_tokenizer")) != "BertPreTokenizer")
        unknown_part("pre_tokenizer", part_of(file, "pre_tokenizer"), "BertPreTokenizer for WordPiece");
    const Json& model = file.at("model");
    WordPieceSettings settings;
    settings.vocabulary = read_vocabulary_object(model.at("vocab"), false);
    settings.unknown = model.value("unk_token", "[UNK]");
    settings.prefix = model.value("continuing_subword_prefix", "##");
    settings.most_characters = model.value("max_input_chars_per_word", std::int64_t{100});
    settings.normalizer = read_bert_normalizer(part_of(file, "normalizer"));
    if (lowercase) settings.normalizer.lowercase = *lowercase;
    settings.added = read_added_tokens(part_of(file, "added_tokens"));
    check_added_ids(settings.added, std::ssize(model.at("vocab")), [&](const std::string& token) { return settings.vocabulary.id(token); });
    settings.post_processor = read_post_processor(part_of(file, "post_processor"));
    Vocabulary all = settings.vocabulary;
    for (const AddedToken& token : settings.added) all.set(token.id, token.content);
    settings.special = {.pad = first_known(all, {"[PAD]", "<pad>"}),
                        .unknown = all.id(settings.unknown),
                        .classify = first_known(all, {"[CLS]", "<s>"}),
                        .separate = first_known(all, {"[SEP]", "</s>"}),
                        .mask = first_known(all, {"[MASK]", "<mask>"})};
    return std::make_unique<WordPiece>(std::move(settings));
}

PipelineSettings read_pipeline(const Json& file, std::vector<TokenizerFile> files) {
    PipelineSettings settings;
    settings.added = read_added_tokens(part_of(file, "added_tokens"));
    settings.normalizer = read_text_normalizer(part_of(file, "normalizer"));
    settings.post_processor = read_post_processor(part_of(file, "post_processor"));
    settings.files = std::move(files);
    return settings;
}

// Pairs as "a b", or as ["a", "b"] in newer files.
MergeList read_merges(const Json& list) {
    MergeList merges;
    for (const Json& entry : list) {
        if (entry.is_array() && entry.size() == 2) {
            merges.emplace_back(entry[0].get<std::string>(), entry[1].get<std::string>());
            continue;
        }
        const std::string pair = entry.is_string() ? entry.get<std::string>() : "";
        const auto blank = pair.find(' ');
        if (blank == pair.npos || blank == 0 || blank + 1 == pair.size() || pair.find(' ', blank + 1) != pair.npos)
            base::fail(ErrorKind::usage, "merge {} is no pair of pieces", merges.size() + 1);
        merges.emplace_back(pair.substr(0, blank), pair.substr(blank + 1));
    }
    return merges;
}

bool is_set(const Json& value) { return !value.is_null() && value != "" && value != false && value != 0.0; }

std::unique_ptr<Tokenizer> make_byte_level_bpe(const Json& file, std::vector<TokenizerFile> files) {
    const Json& model = file.at("model");
    for (const char* name : {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"})
        if (is_set(part_of(model, name)))
            base::fail(ErrorKind::usage, "its model has {}, which Kohort does not know for BPE", name);
    const Json& words = part_of(file, "pre_tokenizer");
    if (type_of(words) != "ByteLevel") unknown_part("pre_tokenizer", words, "ByteLevel for BPE");
    ByteLevelBpeSettings settings;
    settings.pieces = read_vocabulary_object(model.at("vocab"), true);
    settings.merges = read_merges(model.at("merges"));
    if (const Json& unknown = part_of(model, "unk_token"); is_set(unknown)) settings.unknown = unknown.get<std::string>();
    settings.fuse_unknown = is_set(part_of(model, "fuse_unk"));
    settings.ignore_merges = is_set(part_of(model, "ignore_merges"));
    settings.add_prefix_space = words.value("add_prefix_space", true);
    settings.split_words = words.value("use_regex", true);
    settings.pipeline = read_pipeline(file, std::move(files));
    check_added_ids(settings.pipeline.added, std::ssize(model.at("vocab")), [&](const std::string& token) { return settings.pieces.id(token); });
    return std::make_unique<ByteLevelBpe>(std::move(settings));
}

Metaspace read_metaspace(const Json& object) {
    Metaspace metaspace;
    metaspace.replacement = object.value("replacement", metaspace.replacement);
    if (count_characters(metaspace.replacement) != 1)
        base::fail(ErrorKind::usage, "its Metaspace replaces blanks by \"{}\", not by one character", metaspace.replacement);
    const std::string scheme = object.value("prepend_scheme", "always");
    if (scheme == "first") metaspace.prepend = Metaspace::Prepend::first;
    else if (scheme == "never") metaspace.prepend = Metaspace::Prepend::never;
    else if (scheme != "always")
        base::fail(ErrorKind::usage, "its Metaspace has the prepend_scheme '{}', but Kohort knows only always, first and never",
                   scheme);
    // The older name of the same setting.
    if (!object.value("add_prefix_space", true)) metaspace.prepend = Metaspace::Prepend::never;
    metaspace.split = object.value("split", true);
    return metaspace;
}

void read_unigram_words(const Json& object, UnigramSettings& settings) {
    const bool sequence = type_of(object) == "Sequence";
    const Json steps = sequence ? object.at("pretokenizers") : object.is_null() ? Json::array() : Json::array({object});
    settings.has_metaspace = false;
    for (const Json& step : steps) {
        const std::string type = type_of(step);
        if (settings.has_metaspace || (type != "WhitespaceSplit" && type != "Metaspace"))
            unknown_part("pre_tokenizer", step, "WhitespaceSplit, and Metaspace as the last, for Unigram");
        if (type == "Metaspace") {
            settings.has_metaspace = true;
            settings.metaspace = read_metaspace(step);
        } else {
            settings.split_white_space = true;
        }
    }
}

std::unique_ptr<Tokenizer> make_unigram(const Json& file, std::vector<TokenizerFile> files) {
    const Json& model = file.at("model");
    UnigramSettings settings;
    for (const Json& entry : model.at("vocab"))
        settings.pieces.emplace_back(entry.at(0).get<std::string>(), entry.at(1).get<double>());
    const Json& unknown = part_of(model, "unk_id");
    const std::int64_t id = unknown.is_number_integer() ? unknown.get<std::int64_t>() : -1;
    if (id < 0 || id >= static_cast<std::int64_t>(settings.pieces.size()))
        base::fail(ErrorKind::usage, "its unk_id is {}, and there are {} pieces", unknown.dump(), settings.pieces.size());
    settings.unknown = static_cast<TokenId>(id);
    settings.byte_fallback = model.value("byte_fallback", false);
    read_unigram_words(part_of(file, "pre_tokenizer"), settings);
    settings.pipeline = read_pipeline(file, std::move(files));
    std::map<std::string, TokenId> ids;  // of a piece that is there twice the later one
    for (std::size_t i = 0; i < settings.pieces.size(); ++i) ids[settings.pieces[i].first] = static_cast<TokenId>(i);
    check_added_ids(settings.pipeline.added, std::ssize(settings.pieces), [&](const std::string& token) {
        const auto found = ids.find(token);
        return found == ids.end() ? -1 : found->second;
    });
    return std::make_unique<UnigramTokenizer>(std::move(settings));
}

std::unique_ptr<Tokenizer> make_tokenizer(const Json& file, std::optional<bool> lowercase, std::vector<TokenizerFile> files) {
    const Json& model = part_of(file, "model");
    std::string type = type_of(model);
    // Files written before the type was stored.
    if (type.empty() && model.is_object()) {
        if (model.contains("max_input_chars_per_word")) type = "WordPiece";
        else if (model.contains("merges")) type = "BPE";
        else if (model.contains("unk_id")) type = "Unigram";
    }
    if (type == "WordPiece") return make_wordpiece(file, lowercase);
    if (type == "BPE") return make_byte_level_bpe(file, std::move(files));
    if (type == "Unigram") return make_unigram(file, std::move(files));
    unknown_part("model", model, "WordPiece, BPE and Unigram");
}

}  // namespace

std::unique_ptr<Tokenizer> read_tokenizer_json(const std::filesystem::path& path, std::optional<bool> lowercase) {
    std::vector<TokenizerFile> files;
    files.push_back({"tokenizer.json", base::read_file(path)});
    for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"})
        if (const auto beside = path.parent_path() / name; std::filesystem::exists(beside))
            files.push_back({name, base::read_file(beside)});
    try {
        const Json file = parse_as_serde(files.front().bytes);
        return make_tokenizer(file, lowercase, std::move(files));
    } catch (const Json::exception& problem) {
        base::fail(ErrorKind::usage, "{} is no tokenizer that Kohort can read: {}", path.string(), problem.what());
    } catch (const base::Error& problem) {
        if (problem.kind() != ErrorKind::usage) throw;
        base::fail(ErrorKind::usage, "{} is no tokenizer that Kohort can read: {}", path.string(), problem.what());
    }
}

}  // namespace kohort::text

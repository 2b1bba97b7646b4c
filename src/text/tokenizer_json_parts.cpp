#include "text/tokenizer_json_parts.h"

#include <algorithm>
#include <map>
#include <memory>

#include "base/error.h"
#include "text/precompiled_charsmap.h"

namespace kohort::text {

using base::ErrorKind;

namespace {

// A file of a few megabytes must not make a table of gigabytes, nor a nest of parts use up the stack.
constexpr std::int64_t most_tokens = 1 << 22;
constexpr int most_nested = 16;

void check_depth(int depth) {
    if (depth > most_nested) base::fail(ErrorKind::usage, "its parts are nested more than {} deep", most_nested);
}

// 7.5 would be read as 7.
std::int64_t whole_number(const Json& value) {
    if (!value.is_number_integer()) base::fail(ErrorKind::usage, "one of its ids is {}", value.dump());
    return value;
}

TokenId read_id(const Json& entry) {
    const std::int64_t id = whole_number(entry);
    if (id < 0 || id >= most_tokens) base::fail(ErrorKind::usage, "its post_processor has a token with the id {}", id);
    return static_cast<TokenId>(id);
}

std::vector<TokenId> read_template(const Json& object, const char* name, std::int64_t texts) {
    std::vector<TokenId> ids;
    for (const Json& piece : object.at(name)) {
        if (piece.contains("Sequence")) {
            ids.push_back(piece["Sequence"].at("id") == "A" ? PostProcessor::first : PostProcessor::second);
        } else {
            const std::string token = piece.at("SpecialToken").at("id");
            for (const Json& id : object.at("special_tokens").at(token).at("ids")) ids.push_back(read_id(id));
        }
    }
    const auto count = [&](TokenId text) { return std::ranges::count(ids, text); };
    if (count(PostProcessor::first) != 1 || count(PostProcessor::second) != texts - 1)
        base::fail(ErrorKind::usage, "the template \"{}\" of its post_processor does not have each text once", name);
    return ids;
}

PostProcessor read_post_processor(const Json& object, int depth) {
    check_depth(depth);
    PostProcessor result;
    const std::string type = type_of(object);
    constexpr TokenId first = PostProcessor::first, second = PostProcessor::second;
    if (object.is_null() || type == "ByteLevel") return result;
    if (type == "TemplateProcessing") {
        result.single = read_template(object, "single", 1);
        result.pair = read_template(object, "pair", 2);
        return result;
    }
    if (type == "BertProcessing" || type == "RobertaProcessing") {
        const TokenId cls = read_id(object.at("cls").at(1)), sep = read_id(object.at("sep").at(1));
        result.single = {cls, first, sep};
        result.pair = {cls, first, sep, second, sep};
        if (type == "RobertaProcessing") result.pair = {cls, first, sep, sep, second, sep};
        return result;
    }
    if (type == "Sequence") {
        const auto adds = [](const Json& inner) { return type_of(inner) != "ByteLevel"; };
        const Json& parts = object.at("processors");
        if (std::ranges::count_if(parts, adds) > 1)
            base::fail(ErrorKind::usage, "its post_processor is a Sequence of more than one part beside ByteLevel");
        const auto found = std::ranges::find_if(parts, adds);
        return found == parts.end() ? result : read_post_processor(*found, depth + 1);
    }
    unknown_part("post_processor", object, "TemplateProcessing, BertProcessing, RobertaProcessing and ByteLevel");
}

}  // namespace

const Json& part_of(const Json& object, const char* name) {
    static const Json none;
    if (!object.is_object()) return none;
    const auto found = object.find(name);
    return found == object.end() ? none : *found;
}

std::string type_of(const Json& object) { return object.is_object() ? object.value("type", "") : ""; }

[[noreturn]] void unknown_part(const char* what, const Json& object, const char* known) {
    base::fail(ErrorKind::usage, "its {} is {}, but Kohort knows only {}", what,
               object.is_null() ? "missing" : "'" + type_of(object) + "'", known);
}

std::vector<AddedToken> read_added_tokens(const Json& list) {
    std::vector<AddedToken> tokens;
    for (const Json& entry : list) {
        AddedToken token;
        const std::int64_t id = whole_number(entry.at("id"));
        if (id < 0 || id >= most_tokens) base::fail(ErrorKind::usage, "an added token has the id {}", id);
        token.id = static_cast<TokenId>(id);
        token.content = entry.at("content");
        token.single_word = entry.value("single_word", false);
        token.lstrip = entry.value("lstrip", false);
        token.rstrip = entry.value("rstrip", false);
        token.special = entry.value("special", false);
        token.normalized = entry.value("normalized", !token.special);
        if (token.content.empty()) base::fail(ErrorKind::usage, "the added token {} has no text", id);
        tokens.push_back(std::move(token));
    }
    return tokens;
}

void check_added_ids(const std::vector<AddedToken>& added, std::int64_t size, const std::function<TokenId(const std::string&)>& id_of) {
    std::map<std::string, std::int64_t> known;
    std::int64_t largest = -1;
    for (const AddedToken& token : added) {
        std::int64_t id = id_of(token.content);
        if (const auto found = known.find(token.content); found != known.end()) id = found->second;
        if (id < 0) id = std::max(size, largest + 1);
        if (id != token.id)
            base::fail(ErrorKind::usage, "the added token \"{}\" has the id {} there, and {} by its vocabulary", token.content,
                       token.id, id);
        known[token.content] = id;
        largest = std::max(largest, id);
    }
}

PostProcessor read_post_processor(const Json& object) { return read_post_processor(object, 0); }

Vocabulary read_vocabulary_object(const Json& object, bool once) {
    if (!object.is_object()) base::fail(ErrorKind::usage, "its vocabulary is no object of tokens and their ids");
    Vocabulary vocabulary;
    for (const auto& [token, id] : object.items()) {
        const std::int64_t number = whole_number(id);
        if (number < 0 || number >= most_tokens)
            base::fail(ErrorKind::usage, "its vocabulary has an entry with the id {}", number);
        if (once && number < vocabulary.size() && !vocabulary.token(static_cast<TokenId>(number)).empty())
            base::fail(ErrorKind::usage, "its vocabulary has two entries with the id {}", number);
        if (!token.empty()) vocabulary.set(static_cast<TokenId>(number), token);
    }
    return vocabulary;
}

namespace {

TextNormalizer::Step read_replacement(const Json& object) {
    const Json& pattern = object.at("pattern");
    const std::string content = object.at("content");
    if (pattern.contains("String")) {
        const std::string text = pattern["String"];
        if (text.empty()) base::fail(ErrorKind::usage, "its normalizer replaces an empty text");
        return replace_step(text, content);
    }
    // The one expression that transformers writes, for tokenizers made from SentencePiece's files.
    if (pattern.at("Regex") == " {2,}") return replace_blanks_step(2, content);
    base::fail(ErrorKind::usage, "its normalizer replaces the expression {}, but Kohort knows only \" {{2,}}\" and plain text",
               pattern["Regex"].dump());
}

void add_steps(const Json& object, TextNormalizer& normalizer, int depth) {
    check_depth(depth);
    const std::string type = type_of(object);
    if (type == "Sequence") {
        for (const Json& inner : object.at("normalizers")) add_steps(inner, normalizer, depth + 1);
    } else if (type == "Precompiled") {
        const Json& charsmap = part_of(object, "precompiled_charsmap");
        if (charsmap.is_null() || charsmap == "") return;
        const auto map = std::make_shared<const PrecompiledCharsmap>(decode_base64(charsmap.get<std::string>()));
        normalizer.add([map](std::string& text) { map->normalize_graphemes(text); });
    } else if (type == "Strip") {
        normalizer.add(strip_step(object.at("strip_left"), object.at("strip_right")));
    } else if (type == "Replace") {
        normalizer.add(read_replacement(object));
    } else if (type == "Prepend") {
        normalizer.add(prepend_step(object.at("prepend")));
    } else if (type == "Lowercase") {
        normalizer.add(lowercase_step());
    } else if (type == "NFKC") {
        normalizer.add(nfkc_step());
    } else if (!object.is_null()) {
        unknown_part("normalizer", object, "Precompiled, Strip, Replace, Prepend, Lowercase, NFKC and Sequence");
    }
}

}  // namespace

TextNormalizer read_text_normalizer(const Json& object) {
    TextNormalizer normalizer;
    add_steps(object, normalizer, 0);
    return normalizer;
}

}  // namespace kohort::text

#include "text/added_token_files.h"

#include <algorithm>
#include <charconv>

#include "base/atomic_file.h"
#include "base/error.h"

namespace kohort::text {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;

constexpr const char *added_tokens_file = "added_tokens.json", *special_tokens_file = "special_tokens_map.json";

Json read_object(const fs::path& path) {
    if (!fs::exists(path)) return Json::object();
    Json root = Json::parse(base::read_file(path), nullptr, false);
    if (!root.is_object()) base::fail(ErrorKind::usage, "{}: no JSON object", path.string());
    return root;
}

// {"30522": {"content": "[USER]", "special": true, …}}
std::vector<AddedToken> read_decoder(const Json& decoder) {
    Json list = Json::array();
    for (const auto& [key, token] : decoder.items()) {
        std::int64_t id = -1;
        const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
        if (error != std::errc() || end != key.data() + key.size() || !token.is_object())
            base::fail(ErrorKind::usage, "\"added_tokens_decoder\" has an entry \"{}\" that is no token", key);
        list.push_back(token);
        list.back()["id"] = id;
    }
    return read_added_tokens(list);
}

// Whether special_tokens_map.json names the token: by itself, as an object's "content", or in a list of either.
bool is_named(const Json& value, const std::string& token) {
    if (value.is_string()) return value == token;
    if (value.is_object()) return part_of(value, "content") == token;
    return value.is_array() && std::ranges::any_of(value, [&](const Json& entry) { return is_named(entry, token); });
}

// {"[USER]": 30522}
std::vector<AddedToken> read_older(const Json& ids, const Json& special) {
    Json list = Json::array();
    for (const auto& [token, id] : ids.items()) {
        const bool named = std::ranges::any_of(special, [&](const Json& entry) { return is_named(entry, token); });
        list.push_back({{"id", id}, {"content", token}, {"special", named}});
    }
    return read_added_tokens(list);
}

}  // namespace

std::vector<AddedToken> read_added_tokens_beside(const fs::path& folder) {
    fs::path path = folder / "tokenizer_config.json";
    try {
        if (const Json config = read_object(path); part_of(config, "added_tokens_decoder").is_object())
            return read_decoder(config["added_tokens_decoder"]);
        path = folder / added_tokens_file;
        const Json ids = read_object(path);
        return read_older(ids, read_special_tokens_map(folder));
    } catch (const Json::exception& problem) {
        base::fail(ErrorKind::usage, "{} is not as expected: {}", path.string(), problem.what());
    }
}

void add_missing(const Vocabulary& vocabulary, std::vector<AddedToken> more, std::vector<AddedToken>& added) {
    std::ranges::sort(more, {}, &AddedToken::id);
    for (AddedToken& token : more) {
        const auto same = std::ranges::find(added, token.content, &AddedToken::content);
        const TokenId known = same != added.end() ? same->id : vocabulary.id(token.content);
        const bool taken = token.id < vocabulary.size() && !vocabulary.token(token.id).empty() &&
                           vocabulary.token(token.id) != token.content;
        if ((known >= 0 && known != token.id) || taken)
            base::fail(ErrorKind::usage, "the added token \"{}\" has the id {}, but the vocabulary has {}", token.content, token.id,
                       taken ? "\"" + vocabulary.token(token.id) + "\" there" : "it as " + std::to_string(known));
        if (same == added.end()) added.push_back(std::move(token));
    }
}

Json read_special_tokens_map(const fs::path& folder) { return read_object(folder / special_tokens_file); }

void keep_added_token_files(const fs::path& folder, std::vector<TokenizerFile>& files) {
    for (const char* name : {added_tokens_file, special_tokens_file})
        if (fs::exists(folder / name)) files.push_back({name, base::read_file(folder / name)});
}

}  // namespace kohort::text

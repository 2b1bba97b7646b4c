#include "text/byte_level_bpe_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "text/added_token_files.h"
#include "text/byte_level_bpe.h"

namespace kohort::text {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;
using nlohmann::json;

constexpr const char* config_name = "tokenizer_config.json";

std::pair<fs::path, fs::path> files_in(const fs::path& folder) {
    if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt"))
        return {folder / "vocab.json", folder / "merges.txt"};
    return {folder / "encoder.json", folder / "vocab.bpe"};
}

Vocabulary read_pieces(const fs::path& path, const std::string& bytes) {
    const auto root = json::parse(bytes, nullptr, false);
    if (!root.is_object() || root.empty())
        base::fail(ErrorKind::usage, "{}: no JSON object of tokens and their ids", path.string());
    Vocabulary vocabulary;
    std::vector<bool> taken(root.size());
    for (const auto& [piece, id] : root.items()) {
        if (!id.is_number_integer() || id < 0 || id >= root.size() || taken[id.get<std::size_t>()])
            base::fail(ErrorKind::usage, "{}: the token {} has the id {}; ids are to be 0 to {}, each once", path.string(),
                       json(piece).dump(), id.dump(), root.size() - 1);
        taken[id.get<std::size_t>()] = true;
        vocabulary.set(id.get<TokenId>(), piece);
    }
    for (std::size_t byte = 0; byte < 256; ++byte)
        if (vocabulary.id(spelled_bytes()[byte]) < 0)
            base::fail(ErrorKind::usage, "{}: the vocabulary has no piece for byte {}, \"{}\"", path.string(), byte,
                       spelled_bytes()[byte]);
    return vocabulary;
}

MergeList read_merges(const fs::path& path, const std::string& text) {
    MergeList merges;
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find('\n', begin), text.size());
        std::string_view line(text.data() + begin, end - begin);
        begin = end + 1;
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
        const auto blank = line.find(' ');
        if (blank == 0 || blank == line.npos || blank + 1 == line.size() || line.find(' ', blank + 1) != line.npos)
            base::fail(ErrorKind::usage, "{}: line {} is no pair of pieces", path.string(), number);
        merges.emplace_back(line.substr(0, blank), line.substr(blank + 1));
    }
    return merges;
}

void add_special_tokens(ByteLevelBpeSettings& settings) {
    const auto add = [&](const char* content, bool lstrip) {
        if (const TokenId id = settings.pieces.id(content); id >= 0)
            settings.pipeline.added.push_back({.id = id, .content = content, .lstrip = lstrip});
    };
    const TokenId begin = settings.pieces.id("<s>"), end = settings.pieces.id("</s>");
    if (begin < 0 || end < 0) return add("<|endoftext|>", false);
    for (const char* content : {"<s>", "<pad>", "</s>", "<unk>"}) add(content, false);
    add("<mask>", true);  // takes the blank before it
    constexpr TokenId first = PostProcessor::first, second = PostProcessor::second;
    settings.pipeline.post_processor = {.single = {begin, first, end}, .pair = {begin, first, end, end, second, end}};
}

}  // namespace

bool holds_byte_level_bpe(const fs::path& folder) {
    const auto [pieces, merges] = files_in(folder);
    return fs::exists(pieces) && fs::exists(merges);
}

bool is_byte_level_bpe_file(const fs::path& path) {
    const auto [pieces, merges] = files_in(path.parent_path());
    return (path.filename() == pieces.filename() || path.filename() == merges.filename()) &&
           holds_byte_level_bpe(path.parent_path());
}

std::unique_ptr<Tokenizer> read_byte_level_bpe(const fs::path& folder) {
    const auto [pieces, merges] = files_in(folder);
    ByteLevelBpeSettings settings;
    auto& files = settings.pipeline.files;
    for (const fs::path& path : {pieces, merges}) files.push_back({path.filename().string(), base::read_file(path)});
    settings.pieces = read_pieces(pieces, files[0].bytes);
    settings.merges = read_merges(merges, files[1].bytes);
    if (fs::exists(folder / config_name)) {
        files.push_back({config_name, base::read_file(folder / config_name)});
        const auto config = json::parse(files.back().bytes, nullptr, false);
        if (!config.is_object()) base::fail(ErrorKind::usage, "{}: no JSON object", (folder / config_name).string());
        if (const auto found = config.find("add_prefix_space"); found != config.end() && found->is_boolean())
            settings.add_prefix_space = found->get<bool>();
    }
    add_special_tokens(settings);
    keep_added_tokens_file(folder, files);
    try {
        add_missing(settings.pieces, read_added_tokens_beside(folder), settings.pipeline.added);
        return std::make_unique<ByteLevelBpe>(std::move(settings));
    } catch (const base::Error& error) {
        base::fail(error.kind(), "{}: {}", merges.string(), error.what());
    }
}

}  // namespace kohort::text

#include "text/byte_level_bpe_files.h"

#include <algorithm>
#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "text/added_token_files.h"
#include "text/byte_level_bpe.h"
#include "text/tokenizer_class.h"

namespace kohort::text {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;

constexpr const char *config_name = "tokenizer_config.json", *gpt2_class = "GPT2Tokenizer";

std::pair<fs::path, fs::path> files_in(const fs::path& folder) {
    if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt"))
        return {folder / "vocab.json", folder / "merges.txt"};
    return {folder / "encoder.json", folder / "vocab.bpe"};
}

Vocabulary read_pieces(const fs::path& path, const std::string& bytes) {
    const auto root = Json::parse(bytes, nullptr, false);
    if (!root.is_object() || root.empty())
        base::fail(ErrorKind::usage, "{}: no JSON object of tokens and their ids", path.string());
    Vocabulary vocabulary;
    std::vector<bool> taken(root.size());
    for (const auto& [piece, id] : root.items()) {
        if (!id.is_number_integer() || id < 0 || id >= root.size() || taken[id.get<std::size_t>()])
            base::fail(ErrorKind::usage, "{}: the token {} has the id {}; ids are to be 0 to {}, each once", path.string(),
                       Json(piece).dump(), id.dump(), root.size() - 1);
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

bool is_of_roberta(const Json& config, const fs::path& config_path, const Vocabulary& pieces) {
    const auto name = read_tokenizer_class(config, config_path,
                                           {gpt2_class, "RobertaTokenizer", "BartTokenizer", "LongformerTokenizer"});
    return name.empty() ? pieces.id("<s>") >= 0 && pieces.id("</s>") >= 0 : name != gpt2_class;
}

// As transformers has them: the class has its own for some roles, the settings may name others, and special_tokens_map.json,
// which comes from before the settings listed the added tokens, yet others.
class SpecialTokenRoles {
  public:
    SpecialTokenRoles(bool roberta, const Json& config, const Json& older_map) : masks_take_blank_(roberta) {
        const char* end_of_text = "<|endoftext|>";
        const char *begin = roberta ? "<s>" : end_of_text, *end = roberta ? "</s>" : end_of_text;
        roles_ = {{"bos_token", begin}, {"eos_token", end}, {"unk_token", roberta ? "<unk>" : end_of_text}};
        for (const auto& [role, content] :
             {std::pair{"sep_token", end}, {"pad_token", "<pad>"}, {"cls_token", begin}, {mask, "<mask>"}})
            roles_.push_back({role, roberta ? Json(content) : Json()});
        const bool lists_added = config.contains("added_tokens_decoder");
        take(config, lists_added);
        if (!lists_added) take(older_map, false);
    }

    // Those that the vocabulary or the list of added tokens has. What a role says of a token goes before what the list says,
    // unless the settings have both.
    void add_to(ByteLevelBpeSettings& settings) const {
        std::set<std::string> done;
        for (const Role& role : roles_) {
            if (role.token.is_null()) continue;
            const auto content = content_of(role);
            if (!done.insert(content).second) continue;
            auto& added = settings.pipeline.added;
            const auto listed = std::ranges::find(added, content, &AddedToken::content);
            const TokenId id = listed != added.end() ? listed->id : settings.pieces.id(content);
            if (id < 0 || (listed != added.end() && role.yields)) continue;
            Json token = role.token;
            if (token.is_string()) token = {{"content", content}, {"lstrip", masks_take_blank_ && role.name == mask}};
            token["id"] = id;
            token["special"] = true;
            const auto made = read_added_tokens(Json::array({token}));
            if (listed != added.end()) *listed = made.front();
            else added.push_back(made.front());
        }
    }

    // Of a token that is put around texts.
    TokenId id(std::string_view name, const ByteLevelBpeSettings& settings) const {
        const auto role = std::ranges::find(roles_, name, &Role::name);
        const std::string content = role->token.is_null() ? "" : content_of(*role);
        const auto found = std::ranges::find(settings.pipeline.added, content, &AddedToken::content);
        if (found == settings.pipeline.added.end())
            base::fail(ErrorKind::usage, "the vocabulary has no {} \"{}\", which stands around texts", name, content);
        return found->id;
    }

  private:
    struct Role {
        std::string name;
        Json token;  // a string, or an object with a "content"; null: there is none
        bool yields = false;  // to what the list of added tokens says of it
    };

    static constexpr const char* mask = "mask_token";

    static std::string content_of(const Role& role) {
        const Json& content = role.token.is_object() ? part_of(role.token, "content") : role.token;
        if (!content.is_string()) base::fail(ErrorKind::usage, "{} is {}, which is no token", role.name, role.token.dump());
        return content;
    }

    void take(const Json& named, bool yields) {
        for (Role& role : roles_)
            if (const auto found = named.find(role.name); found != named.end()) role = {role.name, *found, yields};
        const char* more = "additional_special_tokens";
        const Json& list = part_of(named, more);
        if (!list.is_array() && !list.is_null()) base::fail(ErrorKind::usage, "{} is {}, and no list", more, list.dump());
        for (const Json& token : list) roles_.push_back({more, token, token.is_string()});
    }

    bool masks_take_blank_;
    std::vector<Role> roles_;  // in the order in which transformers goes through them: the first of a token counts
};

PostProcessor tokens_around(bool roberta, const Json& config, const SpecialTokenRoles& roles,
                            const ByteLevelBpeSettings& settings) {
    constexpr TokenId first = PostProcessor::first, second = PostProcessor::second;
    if (roberta) {
        const TokenId begin = roles.id("cls_token", settings), end = roles.id("sep_token", settings);
        return {.single = {begin, first, end}, .pair = {begin, first, end, end, second, end}};
    }
    if (part_of(config, "add_bos_token") != true) return {};
    const TokenId begin = roles.id("bos_token", settings);
    return {.single = {begin, first}, .pair = {begin, first, second}};
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
    Json config = Json::object();
    const fs::path config_path = folder / config_name;
    if (fs::exists(config_path)) {
        files.push_back({config_name, base::read_file(config_path)});
        config = Json::parse(files.back().bytes, nullptr, false);
        if (!config.is_object()) base::fail(ErrorKind::usage, "{}: no JSON object", config_path.string());
        if (const Json& prefix = part_of(config, "add_prefix_space"); prefix.is_boolean()) settings.add_prefix_space = prefix;
    }
    const bool roberta = is_of_roberta(config, config_path, settings.pieces);
    keep_added_token_files(folder, files);
    try {
        // What the files beside list goes before what follows from a role.
        add_missing(settings.pieces, read_added_tokens_beside(folder), settings.pipeline.added);
        const SpecialTokenRoles roles(roberta, config, read_special_tokens_map(folder));
        roles.add_to(settings);
        settings.pipeline.post_processor = tokens_around(roberta, config, roles, settings);
        return std::make_unique<ByteLevelBpe>(std::move(settings));
    } catch (const Json::exception& problem) {
        base::fail(ErrorKind::usage, "{} is not as expected: {}", config_path.string(), problem.what());
    } catch (const base::Error& error) {
        base::fail(error.kind(), "{}: {}", merges.string(), error.what());
    }
}

}  // namespace kohort::text

#include "text/byte_level_bpe.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <queue>

#include "base/atomic_file.h"
#include "base/error.h"
#include "text/gpt2_words.h"

namespace kohort::text {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;

constexpr std::string_view end_of_text = "<|endoftext|>";

// How the files spell each byte: printable Latin-1 as itself, the others as the characters from U+0100 on, in order.
std::array<std::string, 256> spelled_bytes() {
    std::array<std::string, 256> spelled;
    char32_t next = 0x100;
    for (char32_t byte = 0; byte < 256; ++byte) {
        const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        append_utf8(printable ? byte : next++, spelled[byte]);
    }
    return spelled;
}

std::uint64_t key_of(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

std::pair<fs::path, fs::path> files_in(const fs::path& folder) {
    if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt")) return {folder / "vocab.json", folder / "merges.txt"};
    return {folder / "encoder.json", folder / "vocab.bpe"};
}

Vocabulary read_pieces(const fs::path& path) {
    const auto root = nlohmann::json::parse(base::read_file(path), nullptr, false);
    if (!root.is_object() || root.empty()) base::fail(ErrorKind::usage, "{}: no JSON object of tokens and their ids", path.string());
    Vocabulary vocabulary;
    std::vector<bool> taken(root.size());
    for (const auto& [piece, id] : root.items()) {
        if (!id.is_number_integer() || id < 0 || id >= root.size() || taken[id.get<std::size_t>()])
            base::fail(ErrorKind::usage, "{}: the token {} has the id {}; ids are to be 0 to {}, each once", path.string(),
                       nlohmann::json(piece).dump(), id.dump(), root.size() - 1);
        taken[id.get<std::size_t>()] = true;
        vocabulary.set(id.get<TokenId>(), piece);
    }
    return vocabulary;
}

std::vector<std::pair<std::string, std::string>> read_merges(const fs::path& path) {
    const auto text = base::read_file(path);
    std::vector<std::pair<std::string, std::string>> merges;
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

// A pair that can be joined; the earliest learned comes first, and of equal ones the leftmost.
struct Candidate {
    std::int32_t rank, left;  // left: the place of its first symbol
    TokenId first, second;    // as they were when this was noted
    bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
};

}  // namespace

ByteLevelBpe::ByteLevelBpe(Vocabulary vocabulary, const std::vector<std::pair<std::string, std::string>>& merges)
    : vocabulary_(std::move(vocabulary)) {
    const auto spelled = spelled_bytes();
    for (std::size_t byte = 0; byte < 256; ++byte) {
        byte_ids_[byte] = vocabulary_.id(spelled[byte]);
        if (byte_ids_[byte] < 0) base::fail(ErrorKind::usage, "the vocabulary has no piece for byte {}, \"{}\"", byte, spelled[byte]);
    }
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
        const auto& [left, right] = merges[rank];
        const TokenId first = vocabulary_.id(left), second = vocabulary_.id(right), joined = vocabulary_.id(left + right);
        if (first < 0 || second < 0 || joined < 0)
            base::fail(ErrorKind::usage, "merge {} joins \"{}\" and \"{}\", and the vocabulary does not have all of them and \"{}\"", rank + 1,
                       left, right, left + right);
        merges_.emplace(key_of(first, second), Merge{static_cast<std::int32_t>(rank), joined});
    }
    std::vector<AddedToken> added;
    if (const TokenId id = vocabulary_.id(end_of_text); id >= 0) {
        AddedToken token;
        token.id = id;
        token.content = end_of_text;
        added.push_back(token);
    }
    added_ = std::make_unique<AddedTokenFinder>(std::move(added));
}

const ByteLevelBpe::Merge* ByteLevelBpe::merge_of(TokenId left, TokenId right) const {
    const auto found = merges_.find(key_of(left, right));
    return found == merges_.end() ? nullptr : &found->second;
}

void ByteLevelBpe::encode(std::string_view utf8, std::vector<TokenId>& ids) const {
    const std::string repaired = is_valid_utf8(utf8) ? std::string() : repair_utf8(utf8);
    added_->split(repaired.empty() ? utf8 : repaired, [&](std::string_view piece, TokenId id) {
        if (id >= 0) ids.push_back(id);
        else for_each_gpt2_word(piece, [&](std::string_view word) { encode_word(word, ids); });
        return true;
    });
}

// A list of symbols and a queue of the pairs that can be joined; what was noted of symbols that are no more is passed by.
void ByteLevelBpe::encode_word(std::string_view word, std::vector<TokenId>& ids) const {
    struct Symbol {
        TokenId id;
        std::int32_t previous, next;  // -1: none
    };
    thread_local std::vector<Symbol> symbols;
    symbols.clear();
    std::priority_queue<Candidate> queue;
    const auto count = static_cast<std::int32_t>(word.size());
    for (std::int32_t i = 0; i < count; ++i)
        symbols.push_back({byte_ids_[static_cast<unsigned char>(word[static_cast<std::size_t>(i)])], i - 1, i + 1 < count ? i + 1 : -1});
    const auto note = [&](std::int32_t left) {
        if (left < 0) return;
        const Symbol& symbol = symbols[static_cast<std::size_t>(left)];
        if (symbol.next < 0) return;
        const TokenId second = symbols[static_cast<std::size_t>(symbol.next)].id;
        if (const Merge* merge = merge_of(symbol.id, second)) queue.push({merge->rank, left, symbol.id, second});
    };
    for (std::int32_t i = 0; i + 1 < count; ++i) note(i);
    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        Symbol& left = symbols[static_cast<std::size_t>(best.left)];
        if (left.id != best.first || left.next < 0) continue;
        Symbol& right = symbols[static_cast<std::size_t>(left.next)];
        if (right.id != best.second) continue;
        left.id = merge_of(best.first, best.second)->id;
        right.id = -1;
        left.next = right.next;
        if (left.next >= 0) symbols[static_cast<std::size_t>(left.next)].previous = best.left;
        note(left.previous);
        note(best.left);
    }
    for (std::int32_t i = 0; i >= 0 && i < count; i = symbols[static_cast<std::size_t>(i)].next) ids.push_back(symbols[static_cast<std::size_t>(i)].id);
}

std::vector<TokenId> ByteLevelBpe::encode_for_model(std::string_view utf8, std::int64_t most) const {
    std::vector<TokenId> ids;
    encode(utf8, ids);
    if (static_cast<std::int64_t>(ids.size()) > most) ids.resize(static_cast<std::size_t>(most));
    return ids;
}

bool holds_byte_level_bpe(const fs::path& folder) {
    const auto [vocabulary, merges] = files_in(folder);
    return fs::exists(vocabulary) && fs::exists(merges);
}

std::unique_ptr<Tokenizer> read_byte_level_bpe(const fs::path& folder) {
    const auto [pieces, merges] = files_in(folder);
    auto vocabulary = read_pieces(pieces);
    if (vocabulary.id("<s>") >= 0 && vocabulary.id("</s>") >= 0)
        base::fail(ErrorKind::usage, "{}: <s> and </s> are in the vocabulary, so this is RoBERTa's tokenizer, which is not known; GPT-2's is", pieces.string());
    try {
        return std::make_unique<ByteLevelBpe>(std::move(vocabulary), read_merges(merges));
    } catch (const base::Error& error) {
        base::fail(error.kind(), "{}: {}", folder.string(), error.what());
    }
}

}  // namespace kohort::text

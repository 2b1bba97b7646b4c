#include "text/byte_level_bpe.h"

#include "base/error.h"
#include "text/gpt2_words.h"
#include "text/word_cache.h"

namespace kohort::text {
namespace {

using base::ErrorKind;

PipelineSettings complete(ByteLevelBpeSettings& settings) {
    settings.pipeline.vocabulary = with_added(settings.pieces, settings.pipeline.added);
    return std::move(settings.pipeline);
}

}  // namespace

const std::array<std::string, 256>& spelled_bytes() {
    static const auto table = [] {
        std::array<std::string, 256> spelled;
        char32_t next = 0x100;
        for (char32_t byte = 0; byte < 256; ++byte) {
            const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
            append_utf8(printable ? byte : next++, spelled[byte]);
        }
        return spelled;
    }();
    return table;
}

ByteLevelBpe::ByteLevelBpe(ByteLevelBpeSettings settings)
    : PipelineTokenizer(complete(settings)),
      pieces_(std::move(settings.pieces)),
      merges_(settings.merges.size()),
      fuse_unknown_(settings.fuse_unknown),
      ignore_merges_(settings.ignore_merges),
      add_prefix_space_(settings.add_prefix_space),
      split_words_(settings.split_words),
      owner_(WordCache::new_owner()) {
    for (std::size_t byte = 0; byte < 256; ++byte) byte_ids_[byte] = pieces_.id(spelled_bytes()[byte]);
    if (settings.unknown) {
        unknown_ = pieces_.id(*settings.unknown);
        if (unknown_ < 0)
            base::fail(ErrorKind::usage, "the vocabulary does not have its own unknown token {}", *settings.unknown);
    }
    for (std::size_t rank = 0; rank < settings.merges.size(); ++rank) {
        const auto& [left, right] = settings.merges[rank];
        const TokenId first = pieces_.id(left), second = pieces_.id(right), joined = pieces_.id(left + right);
        if (first < 0 || second < 0 || joined < 0)
            base::fail(ErrorKind::usage,
                       "merge {} joins \"{}\" and \"{}\", and the vocabulary does not have all of them and \"{}\"", rank + 1,
                       left, right, left + right);
        merges_.add(first, second, joined);
    }
}

void ByteLevelBpe::encode_stretch(std::string_view text, bool, std::size_t most, std::vector<TokenId>& ids) const {
    std::string prefixed;
    if (add_prefix_space_ && text.front() != ' ') {
        prefixed.reserve(text.size() + 1);
        text = prefixed.append(" ").append(text);
    }
    if (!split_words_) return encode_word(text, ids);
    for_each_gpt2_word(text, [&](std::string_view word) {
        encode_word(word, ids);
        return ids.size() < most;
    });
}

void ByteLevelBpe::encode_word(std::string_view word, std::vector<TokenId>& ids) const {
    const bool kept = word.size() <= WordCache::most_bytes;
    if (kept && WordCache::of_this_thread().find(owner_, word, ids)) return;
    thread_local std::vector<TokenId> symbols;
    symbols.clear();
    if (ignore_merges_) {
        std::string spelled;
        for (const char byte : word) spelled += spelled_bytes()[static_cast<unsigned char>(byte)];
        if (const TokenId id = pieces_.id(spelled); id >= 0) symbols.push_back(id);
    }
    if (symbols.empty()) {
        bool fusing = false;
        for (const char byte : word) {
            const TokenId id = byte_ids_[static_cast<unsigned char>(byte)];
            if (id >= 0) symbols.push_back(id);
            else if (unknown_ >= 0 && !fusing) symbols.push_back(unknown_);
            fusing = id < 0 && fuse_unknown_;
        }
        merges_.apply(symbols);
    }
    if (kept && symbols.size() <= WordCache::most_ids)
        WordCache::of_this_thread().keep(owner_, word, symbols.data(), symbols.size());
    ids.insert(ids.end(), symbols.begin(), symbols.end());
}

}  // namespace kohort::text

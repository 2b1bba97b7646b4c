#include "text/unigram_tokenizer.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/error.h"
#include "text/unicode_tables.h"
#include "text/utf8.h"
#include "text/word_cache.h"

namespace kohort::text {
namespace {

using base::ErrorKind;

PipelineSettings complete(UnigramSettings& settings) {
    std::vector<std::string> tokens;
    for (const auto& piece : settings.pieces) tokens.push_back(piece.first);
    settings.pipeline.vocabulary = with_added(Vocabulary(std::move(tokens)), settings.pipeline.added);
    return std::move(settings.pipeline);
}

UnigramModel make_model(const UnigramSettings& settings) {
    std::vector<UnigramPiece> pieces;
    std::unordered_set<std::string_view> known;
    double lowest = INFINITY;
    for (const auto& [text, score] : settings.pieces) {
        const auto id = static_cast<TokenId>(pieces.size());
        if (text.empty()) base::fail(ErrorKind::usage, "the piece {} is empty", id);
        if (!known.insert(text).second) base::fail(ErrorKind::usage, "the piece \"{}\" comes twice", text);
        if (!std::isfinite(score)) base::fail(ErrorKind::usage, "the score of the piece \"{}\" is no number", text);
        pieces.push_back({text, id, score});
        lowest = std::min(lowest, score);
    }
    if (settings.unknown < 0 || settings.unknown >= static_cast<TokenId>(pieces.size()))
        base::fail(ErrorKind::usage, "the unknown piece has the id {}, but there are {} pieces", settings.unknown,
                   pieces.size());
    return UnigramModel(pieces, lowest - UnigramModel::unknown_penalty, UnigramModel::Sums::float64);
}

}  // namespace

std::string byte_piece(unsigned byte) { return fmt::format("<0x{:02X}>", byte); }

UnigramTokenizer::UnigramTokenizer(UnigramSettings settings)
    : PipelineTokenizer(complete(settings)),
      model_(make_model(settings)),
      unknown_(settings.unknown),
      split_white_space_(settings.split_white_space),
      has_metaspace_(settings.has_metaspace),
      metaspace_(std::move(settings.metaspace)),
      owner_(WordCache::new_owner()) {
    for (unsigned byte = 0; byte < 256; ++byte) byte_ids_[byte] = settings.byte_fallback ? model_.find(byte_piece(byte)) : -1;
}

void UnigramTokenizer::encode_stretch(std::string_view text, bool first, std::size_t most, std::vector<TokenId>& ids) const {
    if (!split_white_space_) return encode_part(text, first, most, ids);
    for (std::size_t begin = 0, at = 0; at <= text.size() && ids.size() < most;) {
        const auto character =
            at < text.size() ? decode(text.data() + at, text.data() + text.size()) : DecodedCharacter{' ', 1, true};
        if (is_white_space(character.code)) {
            if (at > begin) encode_part(text.substr(begin, at - begin), first && begin == 0, most, ids);
            begin = at + static_cast<std::size_t>(character.length);
        }
        at += static_cast<std::size_t>(character.length);
    }
}

void UnigramTokenizer::encode_part(std::string_view text, bool first, std::size_t most, std::vector<TokenId>& ids) const {
    if (!has_metaspace_) return encode_word(text, ids);
    const std::string& mark = metaspace_.replacement;
    std::string spaced;
    spaced.reserve(text.size() + 4 * mark.size());
    const bool prepend =
        metaspace_.prepend == Metaspace::Prepend::always || (metaspace_.prepend == Metaspace::Prepend::first && first);
    if (prepend && !text.starts_with(' ') && !text.starts_with(mark)) spaced = mark;
    for (const char byte : text) {
        if (byte == ' ') spaced += mark;
        else spaced += byte;
    }
    const std::string_view whole = spaced;
    if (!metaspace_.split) return encode_word(whole, ids);
    for (std::size_t begin = 0; begin < whole.size() && ids.size() < most;) {
        const std::size_t from = whole.substr(begin).starts_with(mark) ? begin + mark.size() : begin;
        const std::size_t end = std::min(whole.find(mark, from), whole.size());
        encode_word(whole.substr(begin, end - begin), ids);
        begin = end;
    }
}

void UnigramTokenizer::encode_word(std::string_view word, std::vector<TokenId>& ids) const {
    const bool kept = word.size() <= WordCache::most_bytes;
    if (kept && WordCache::of_this_thread().find(owner_, word, ids)) return;
    const std::size_t before = ids.size();
    thread_local std::vector<UnigramModel::Span> spans;
    model_.cut(word, spans);
    const auto is_unknown = [&](const UnigramModel::Span& span) {
        return span.id == UnigramModel::unknown || span.id == unknown_;
    };
    for (std::size_t i = 0; i < spans.size(); ++i) {
        if (!is_unknown(spans[i])) {
            ids.push_back(spans[i].id);
            continue;
        }
        const std::size_t begin = spans[i].begin;
        while (i + 1 < spans.size() && is_unknown(spans[i + 1])) ++i;
        encode_unknown(word.substr(begin, spans[i].end - begin), ids);
    }
    const std::size_t count = ids.size() - before;
    if (kept && count <= WordCache::most_ids) WordCache::of_this_thread().keep(owner_, word, ids.data() + before, count);
}

// A row of what is unknown is one token, or a token for each byte. It may happen to be a piece, which then counts.
void UnigramTokenizer::encode_unknown(std::string_view text, std::vector<TokenId>& ids) const {
    if (const TokenId id = model_.find(text); id != UnigramModel::unknown) {
        ids.push_back(id);
        return;
    }
    const auto id_of = [&](char byte) { return byte_ids_[static_cast<unsigned char>(byte)]; };
    if (std::ranges::all_of(text, [&](char byte) { return id_of(byte) >= 0; }))
        std::ranges::transform(text, std::back_inserter(ids), id_of);
    else ids.push_back(unknown_);
}

}  // namespace kohort::text

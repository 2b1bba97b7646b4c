#include "text/pipeline_tokenizer.h"

#include <algorithm>
#include <limits>

#include "base/atomic_file.h"
#include "base/error.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

constexpr auto unlimited = std::numeric_limits<std::size_t>::max();

std::vector<AddedToken> added_of_kind(const PipelineSettings& settings, bool normalized) {
    std::vector<AddedToken> tokens;
    for (const AddedToken& token : settings.added) {
        if (token.normalized != normalized) continue;
        tokens.push_back(token);
        // What stands in a normalised text is the token's own normalised form.
        if (normalized) settings.normalizer.normalize(tokens.back().content);
    }
    return tokens;
}

}  // namespace

Vocabulary with_added(Vocabulary pieces, const std::vector<AddedToken>& added) {
    for (const AddedToken& token : added) pieces.set(token.id, token.content);
    return pieces;
}

TokenId first_known(const Vocabulary& vocabulary, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (const TokenId id = vocabulary.id(name); id >= 0) return id;
    return -1;
}

PipelineTokenizer::PipelineTokenizer(PipelineSettings settings)
    : settings_(std::move(settings)),
      special_{.pad = first_known(settings_.vocabulary, {"[PAD]", "<pad>"}),
               .unknown = first_known(settings_.vocabulary, {"[UNK]", "<unk>"}),
               .classify = first_known(settings_.vocabulary, {"[CLS]", "<s>"}),
               .separate = first_known(settings_.vocabulary, {"[SEP]", "</s>"}),
               .mask = first_known(settings_.vocabulary, {"[MASK]", "<mask>"})},
      raw_(added_of_kind(settings_, false)),
      normalized_(added_of_kind(settings_, true)) {
    for (const auto* pattern : {&settings_.post_processor.single, &settings_.post_processor.pair})
        for (const TokenId id : *pattern)
            if (id >= vocabulary_size())
                base::fail(base::ErrorKind::usage, "the post_processor adds the token {}, and there are only {}", id,
                           vocabulary_size());
}

void PipelineTokenizer::push_added(TokenId added, std::vector<TokenId>& ids) const {
    const auto is_special = [&](const AddedToken& token) { return token.id == added && token.special; };
    if (ids.size() == 1 && ids.front() == settings_.not_before_special && std::ranges::any_of(settings_.added, is_special))
        ids.clear();
    ids.push_back(added);
}

void PipelineTokenizer::encode_up_to(std::string_view utf8, std::size_t most, std::vector<TokenId>& ids) const {
    std::string repaired, changed;
    if (!is_valid_utf8(utf8)) {
        repaired = repair_utf8(utf8);
        utf8 = repaired;
    }
    if (!settings_.before_all.empty()) {
        repaired = utf8;
        settings_.before_all.normalize(repaired);
        utf8 = repaired;
    }
    raw_.split(utf8, [&](std::string_view piece, TokenId added) {
        if (added >= 0) {
            push_added(added, ids);
            return ids.size() < most;
        }
        const bool first = piece.data() == utf8.data();
        if (!settings_.normalizer.empty()) {
            changed = piece;
            settings_.normalizer.normalize(changed);
            piece = changed;
        }
        normalized_.split(piece, [&](std::string_view stretch, TokenId found) {
            if (found >= 0) push_added(found, ids);
            else encode_stretch(stretch, first && stretch.data() == piece.data(), most, ids);
            return ids.size() < most;
        });
        return ids.size() < most;
    });
}

void PipelineTokenizer::encode(std::string_view utf8, std::vector<TokenId>& ids) const {
    std::vector<TokenId> text;
    encode_up_to(utf8, unlimited, text);
    ids.insert(ids.end(), text.begin(), text.end());
}

std::vector<TokenId> PipelineTokenizer::encode_text(std::string_view utf8, std::size_t most) const {
    std::vector<TokenId> ids;
    encode_up_to(utf8, most, ids);
    return ids;
}

std::vector<TokenId> PipelineTokenizer::encode_for_model(std::string_view utf8, std::int64_t most) const {
    return settings_.post_processor.process(encode_text(utf8, static_cast<std::size_t>(std::max<std::int64_t>(most, 0))), most);
}

std::vector<TokenId> PipelineTokenizer::encode_pair_for_model(std::string_view first, std::string_view second,
                                                              std::int64_t most) const {
    return settings_.post_processor.process(encode_text(first, unlimited), encode_text(second, unlimited), most);
}

void PipelineTokenizer::save(const std::filesystem::path& folder, std::int64_t) const {
    if (settings_.files.empty())
        base::fail(base::ErrorKind::usage, "this tokenizer was read from no file, so it cannot be saved to {}",
                   folder.string());
    std::filesystem::create_directories(folder);
    for (const TokenizerFile& file : settings_.files) base::write_file_atomically(folder / file.name, file.bytes);
}

}  // namespace kohort::text

#include "text/sentencepiece_normalizer.h"

#include "text/utf8.h"

namespace kohort::text {
namespace {

PrefixTrie user_defined_pieces(const SentencePieceModel& model) {
    std::vector<PrefixTrie::Key> keys;
    for (const auto& piece : model.pieces)
        if (piece.kind == SentencePieceModel::Kind::user_defined) keys.emplace_back(piece.text, 0);
    return PrefixTrie(std::move(keys));
}

}  // namespace

SentencePieceNormalizer::SentencePieceNormalizer(const SentencePieceModel& model)
    : charsmap_(model.charsmap),
      user_defined_(user_defined_pieces(model)),
      add_dummy_prefix_(model.add_dummy_prefix),
      remove_extra_whitespaces_(model.remove_extra_whitespaces),
      whitespace_as_suffix_(model.whitespace_as_suffix),
      blank_(model.escape_whitespaces ? "▁" : " ") {}

// The text's first piece, rule or character, and what stands for it.
SentencePieceNormalizer::Step SentencePieceNormalizer::step(std::string_view text) const {
    std::size_t longest = 0;
    user_defined_.for_each_prefix(text, [&](std::size_t length, std::int32_t) { longest = length; });
    if (longest > 0) return {longest, text.substr(0, longest)};
    if (const auto match = charsmap_.longest(text)) return {match->length, match->replacement};
    const auto length = static_cast<std::size_t>(decode(text.data(), text.data() + text.size()).length);
    return {length, text.substr(0, length)};
}

std::string SentencePieceNormalizer::normalize(std::string_view utf8, bool with_prefix) const {
    const bool add_dummy_prefix = add_dummy_prefix_ && with_prefix;
    if (remove_extra_whitespaces_) {
        while (!utf8.empty()) {
            const Step first = step(utf8);
            if (first.replacement != " ") break;
            utf8.remove_prefix(first.length);
        }
    }
    if (utf8.empty()) return {};
    std::string normalized;
    normalized.reserve(utf8.size() + utf8.size() / 2 + blank_.size());
    if (add_dummy_prefix && !whitespace_as_suffix_) normalized += blank_;
    bool after_blank = remove_extra_whitespaces_;
    while (!utf8.empty()) {
        const Step now = step(utf8);
        std::string_view replacement = now.replacement;
        while (after_blank && replacement.starts_with(' ')) replacement.remove_prefix(1);
        for (const char byte : replacement) {
            if (byte == ' ') normalized += blank_;
            else normalized += byte;
        }
        if (!replacement.empty()) after_blank = remove_extra_whitespaces_ && replacement.ends_with(' ');
        utf8.remove_prefix(now.length);
    }
    if (remove_extra_whitespaces_)
        while (normalized.ends_with(blank_)) normalized.resize(normalized.size() - blank_.size());
    if (add_dummy_prefix && whitespace_as_suffix_) normalized += blank_;
    return normalized;
}

}  // namespace kohort::text

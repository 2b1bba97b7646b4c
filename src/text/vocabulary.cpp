#include "text/vocabulary.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "text/unicode_tables.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

std::string_view without_trailing_space(std::string_view line) {
    std::size_t keep = 0, at = 0;
    for_each_character(line, [&](char32_t code) {
        at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        if (!is_white_space(code)) keep = at;
    });
    return line.substr(0, keep);
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {
    ids_.reserve(tokens_.size());
    for (std::size_t i = 0; i < tokens_.size(); ++i)
        if (!tokens_[i].empty()) ids_.insert_or_assign(tokens_[i], static_cast<TokenId>(i));
}

const std::string& Vocabulary::token(TokenId id) const {
    if (id < 0 || id >= size()) base::fail(base::ErrorKind::internal, "token id {} is outside the vocabulary of {}", id, size());
    return tokens_[static_cast<std::size_t>(id)];
}

TokenId Vocabulary::id(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? -1 : found->second;
}

void Vocabulary::set(TokenId id, const std::string& token) {
    if (id < 0) base::fail(base::ErrorKind::internal, "token id {} is negative", id);
    if (id >= size()) tokens_.resize(static_cast<std::size_t>(id) + 1);
    tokens_[static_cast<std::size_t>(id)] = token;
    ids_.insert_or_assign(token, id);
}

Vocabulary read_vocabulary_file(const std::filesystem::path& path) {
    const std::string content = base::read_file(path);
    if (!is_valid_utf8(content)) base::fail(base::ErrorKind::usage, "{} is not UTF-8, so it is no vocabulary", path.string());
    std::vector<std::string> tokens;
    for (std::size_t at = 0; at < content.size();) {
        const std::size_t end = std::min(content.find('\n', at), content.size());
        tokens.emplace_back(without_trailing_space(std::string_view(content).substr(at, end - at)));
        at = end + 1;
    }
    if (tokens.empty()) base::fail(base::ErrorKind::usage, "{} is empty: a vocabulary has one token a line", path.string());
    return Vocabulary(std::move(tokens));
}

}  // namespace kohort::text

#include "text/post_processor.h"

#include <algorithm>
#include <span>

#include "base/error.h"

namespace kohort::text {
namespace {

std::int64_t room(std::int64_t most, std::int64_t special) {
    if (most < special)
        base::fail(base::ErrorKind::usage, "a length of {} ids has no room for {} special tokens: allow more", most, special);
    return most - special;
}

void cut(std::vector<TokenId>& ids, std::int64_t most) {
    if (static_cast<std::int64_t>(ids.size()) > most) ids.resize(static_cast<std::size_t>(most));
}

void drop_last(std::vector<TokenId>& ids, TokenId last) {
    if (!ids.empty() && ids.back() == last) ids.pop_back();
}

std::vector<TokenId> put_in(const std::vector<TokenId>& pattern, std::span<const TokenId> text, std::span<const TokenId> other) {
    std::vector<TokenId> ids;
    ids.reserve(pattern.size() + text.size() + other.size());
    for (const TokenId id : pattern) {
        if (id == PostProcessor::first) ids.insert(ids.end(), text.begin(), text.end());
        else if (id == PostProcessor::second) ids.insert(ids.end(), other.begin(), other.end());
        else ids.push_back(id);
    }
    return ids;
}

}  // namespace

std::vector<TokenId> PostProcessor::process(std::vector<TokenId> text, std::int64_t most) const {
    cut(text, room(most, added_to_single()));
    drop_last(text, last_once);
    return put_in(single, text, {});
}

std::vector<TokenId> PostProcessor::process(std::vector<TokenId> text, std::vector<TokenId> other, std::int64_t most) const {
    const std::int64_t free = room(most, added_to_pair());
    const auto text_size = static_cast<std::int64_t>(text.size()), other_size = static_cast<std::int64_t>(other.size());
    if (text_size + other_size > free) {
        // The shorter text stays whole as long as it takes no more than half; of two halves the second is larger
        // where `free` is odd, and it goes to the longer text (to the second of two equal ones).
        std::int64_t shorter = std::min(text_size, other_size), longer = std::max(shorter, free - shorter);
        if (shorter + longer > free) {
            shorter = free / 2;
            longer = free - shorter;
        }
        const bool swapped = text_size > other_size;
        cut(text, swapped ? longer : shorter);
        cut(other, swapped ? shorter : longer);
    }
    drop_last(text, last_once);
    drop_last(other, last_once);
    return put_in(pair, text, other);
}

}  // namespace kohort::text

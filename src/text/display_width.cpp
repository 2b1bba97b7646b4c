#include "text/display_width.h"

#include <utf8proc.h>

#include <algorithm>

#include "text/utf8.h"

namespace kohort::text {
namespace {

constexpr char32_t emoji_style = 0xFE0F;

// visit(begin, end, width) for each grapheme cluster; stops where it returns false.
template <class Visit>
void for_each_cluster(std::string_view text, Visit&& visit) {
    std::size_t at = 0, begin = 0;
    std::int64_t width = 0;
    utf8proc_int32_t previous = 0, state = 0;
    while (at < text.size()) {
        const DecodedCharacter character = decode(text.data() + at, text.data() + text.size());
        const auto code = static_cast<utf8proc_int32_t>(character.code);
        if (at > 0 && utf8proc_grapheme_break_stateful(previous, code, &state)) {
            if (!visit(begin, at, width)) return;
            begin = at;
            width = 0;
        }
        width = std::min<std::int64_t>(2, character.code == emoji_style ? 2 : width + utf8proc_charwidth(code));
        previous = code;
        at += static_cast<std::size_t>(character.length);
    }
    if (begin < at) visit(begin, at, width);
}

}  // namespace

std::int64_t display_width(std::string_view utf8) {
    std::int64_t total = 0;
    for_each_cluster(utf8, [&](std::size_t, std::size_t, std::int64_t width) {
        total += width;
        return true;
    });
    return total;
}

std::string cut_to_width(std::string_view utf8, std::int64_t columns) {
    if (columns <= 0) return {};
    std::int64_t total = 0;
    std::size_t fits = 0;  // bytes that leave one column for the ellipsis
    for_each_cluster(utf8, [&](std::size_t, std::size_t end, std::int64_t width) {
        total += width;
        if (total < columns) fits = end;
        return total <= columns;
    });
    if (total <= columns) return std::string(utf8);
    std::string_view kept = utf8.substr(0, fits);
    while (!kept.empty() && kept.back() == ' ') kept.remove_suffix(1);
    return std::string(kept) + "…";
}

}  // namespace kohort::text

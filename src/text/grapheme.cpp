#include "text/grapheme.h"

#include <utf8proc.h>

namespace kohort::text {

bool is_grapheme_break(char32_t before, char32_t after, std::int32_t& state) {
    const auto left = static_cast<utf8proc_int32_t>(before), right = static_cast<utf8proc_int32_t>(after);
    // What follows joins nothing, as most characters do: the whole rules need not be looked at.
    if (utf8proc_get_property(right)->boundclass == UTF8PROC_BOUNDCLASS_OTHER &&
        utf8proc_get_property(left)->boundclass != UTF8PROC_BOUNDCLASS_PREPEND)
        return true;
    return utf8proc_grapheme_break_stateful(left, right, &state);
}

}  // namespace kohort::text

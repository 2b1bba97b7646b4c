#include "text/normal_form.h"

#include <algorithm>

#include "text/unicode_tables.h"

namespace kohort::text {

std::u32string decompose_canonically(std::u32string_view text) {
    std::u32string out;
    out.reserve(text.size());
    for (const char32_t code : text) append_canonical_decomposition(code, out);
    for (std::size_t begin = 0; begin < out.size();) {
        if (combining_class(out[begin]) == 0) {
            ++begin;
            continue;
        }
        std::size_t end = begin;
        while (end < out.size() && combining_class(out[end]) != 0) ++end;
        std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(begin), out.begin() + static_cast<std::ptrdiff_t>(end),
                         [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
        begin = end;
    }
    return out;
}

}  // namespace kohort::text

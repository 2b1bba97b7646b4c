#include "text/normal_form.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <algorithm>

#include "base/error.h"
#include "text/unicode_tables.h"

namespace kohort::text {
namespace {

void order_marks(std::u32string& text) {
    for (std::size_t begin = 0; begin < text.size();) {
        if (combining_class(text[begin]) == 0) {
            ++begin;
            continue;
        }
        std::size_t end = begin;
        while (end < text.size() && combining_class(text[end]) != 0) ++end;
        std::stable_sort(text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + static_cast<std::ptrdiff_t>(end),
                         [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
        begin = end;
    }
}

// The character of Unicode 9.0 or before that the two make together; 0: none.
char32_t composite_of(char32_t first, char32_t second) {
    static const UNormalizer2* const rules = [] {
        UErrorCode code = U_ZERO_ERROR;
        const UNormalizer2* const found = unorm2_getNFCInstance(&code);
        if (U_FAILURE(code))
            base::fail(base::ErrorKind::environment, "ICU cannot compose characters: {}; install ICU's data (libicu72)",
                       u_errorName(code));
        return found;
    }();
    const UChar32 both = unorm2_composePair(rules, static_cast<UChar32>(first), static_cast<UChar32>(second));
    if (both < 0) return 0;
    UVersionInfo age;
    u_charAge(both, age);
    return age[0] > 9 ? 0 : static_cast<char32_t>(both);
}

// Unicode 15.0, section 3.11, "Canonical Composition Algorithm", in place.
void compose(std::u32string& text) {
    constexpr std::size_t none = SIZE_MAX;
    std::size_t out = 0, starter = none;  // where the last starter stands in what is written
    int last_class = 0;                   // of what was written after it
    for (const char32_t code : text) {
        const int own_class = combining_class(code);
        // Blocked where something of the same class or a higher one, or another starter, lies between.
        const bool reaches = starter != none && (out == starter + 1 || (last_class != 0 && last_class < own_class));
        if (const char32_t both = reaches ? composite_of(text[starter], code) : 0; both != 0) {
            text[starter] = both;
            continue;
        }
        if (own_class == 0) starter = out;
        last_class = own_class;
        text[out++] = code;
    }
    text.resize(out);
}

}  // namespace

std::u32string decompose_canonically(std::u32string_view text) {
    std::u32string out;
    out.reserve(text.size());
    for (const char32_t code : text) append_canonical_decomposition(code, out);
    order_marks(out);
    return out;
}

std::u32string compose_compatibly(std::u32string_view text) {
    std::u32string out;
    out.reserve(text.size());
    for (const char32_t code : text) append_compatibility_decomposition(code, out);
    order_marks(out);
    compose(out);
    return out;
}

}  // namespace kohort::text

#include "text/normal_form.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "text/unicode_tables.h"
#include "text/utf8.h"

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

std::string nfkc(std::string_view text) {
    const std::string valid = repair_utf8(text);
    utf8proc_uint8_t* mapped = nullptr;
    const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()),
                                   static_cast<utf8proc_ssize_t>(valid.size()), &mapped,
                                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT));
    if (size < 0) base::fail(base::ErrorKind::internal, "NFKC failed: {}", utf8proc_errmsg(size));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
    return std::string(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
}

}  // namespace kohort::text

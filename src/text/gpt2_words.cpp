#include "text/gpt2_words.h"

#include <vector>

#include "text/unicode_tables.h"

namespace kohort::text {

Gpt2Kind gpt2_kind_of(char32_t code) {
    if (is_letter(code)) return Gpt2Kind::letter;
    if (is_number(code)) return Gpt2Kind::number;
    return is_white_space(code) ? Gpt2Kind::space : Gpt2Kind::other;
}

const Gpt2Kind* gpt2_kinds() {
    static const auto table = [] {
        std::vector<Gpt2Kind> kinds(0x10000);
        for (char32_t code = 0; code < 0x10000; ++code) kinds[code] = gpt2_kind_of(code);
        return kinds;
    }();
    return table.data();
}

}  // namespace kohort::text

#include "text/script_runs.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "text/unicode_tables.h"

namespace kohort::text {
namespace {

constexpr int white_space = -1, sign = -2, digit = -3, mark = -4;  // else a UScriptCode

int kind_of(char32_t code) {
    if (is_white_space(code)) return white_space;
    const auto character = static_cast<UChar32>(code);
    const auto mask = U_GET_GC_MASK(character);
    if (mask & U_GC_M_MASK) return mark;
    UErrorCode problem = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(character, &problem);
    if (mask & U_GC_N_MASK && script != USCRIPT_HAN) return digit;  // "〇" is of Han
    if (!(mask & (U_GC_L_MASK | U_GC_N_MASK))) return sign;
    // Some letters, "ー" and "〆", are shared by scripts and of none by themselves.
    for (const UScriptCode east_asian : {USCRIPT_HAN, USCRIPT_HIRAGANA, USCRIPT_KATAKANA})
        if (uscript_hasScript(character, east_asian)) return USCRIPT_HAN;
    return script;
}

}  // namespace

std::vector<std::u32string_view> script_runs(std::u32string_view text) {
    std::vector<std::u32string_view> runs;
    int open = white_space;  // the kind of the run that may go on
    std::size_t begin = 0;
    const auto close = [&](std::size_t end) {
        if (open != white_space) runs.push_back(text.substr(begin, end - begin));
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        int kind = kind_of(text[i]);
        if (kind == mark) kind = open >= 0 ? open : sign;
        if (kind == open && kind != sign) continue;
        close(i);
        begin = i;
        open = kind;
    }
    close(text.size());
    return runs;
}

}  // namespace kohort::text

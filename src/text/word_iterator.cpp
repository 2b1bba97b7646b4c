#include "text/word_iterator.h"

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>
#include <unicode/uversion.h>

#include <memory>

#include "base/error.h"
#include "text/unicode_tables.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

void check(UErrorCode code, const char* action) {
    if (U_FAILURE(code))
        base::fail(base::ErrorKind::environment, "ICU cannot {}: {}; install ICU's data (libicu72)", action, u_errorName(code));
}

struct CloseBreaker {
    void operator()(UBreakIterator* breaker) const { ubrk_close(breaker); }
};
struct CloseText {
    void operator()(UText* text) const { utext_close(text); }
};

// Opening an iterator loads rules and dictionary: once a thread.
UBreakIterator* this_threads_breaker() {
    thread_local const std::unique_ptr<UBreakIterator, CloseBreaker> breaker = [] {
        UErrorCode code = U_ZERO_ERROR;
        std::unique_ptr<UBreakIterator, CloseBreaker> fresh(ubrk_open(UBRK_WORD, "zh", nullptr, 0, &code));
        check(code, "open its word rules");
        return fresh;
    }();
    return breaker.get();
}

WordKind kind_of(int32_t status, std::string_view word) {
    if (status < UBRK_WORD_LETTER_LIMIT) {  // the status of "iphone15" speaks of its end only
        bool letter = false;
        for_each_character(word, [&](char32_t code) { letter = letter || u_isalpha(static_cast<UChar32>(code)); });
        return letter ? WordKind::letter : WordKind::number;
    }
    // Both scripts are cut by one dictionary, and the status does not always tell them apart.
    bool han = false;
    for_each_character(word, [&](char32_t code) { han = han || is_chinese(code) || code == U'々' || code == U'〇'; });
    return han ? WordKind::han : WordKind::kana;
}

}  // namespace

std::vector<Word> words(std::string_view utf8) {
    UErrorCode code = U_ZERO_ERROR;
    const std::unique_ptr<UText, CloseText> text(
        utext_openUTF8(nullptr, utf8.data(), static_cast<int64_t>(utf8.size()), &code));
    check(code, "read a text");
    UBreakIterator* const breaker = this_threads_breaker();
    ubrk_setUText(breaker, text.get(), &code);
    check(code, "find words");
    std::vector<Word> found;
    int32_t begin = ubrk_first(breaker);
    for (int32_t end = ubrk_next(breaker); end != UBRK_DONE; begin = end, end = ubrk_next(breaker)) {
        const int32_t status = ubrk_getRuleStatus(breaker);
        if (status < UBRK_WORD_NONE_LIMIT) continue;
        const auto word = utf8.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
        found.push_back({word, kind_of(status, word)});
    }
    return found;
}

std::string lowercase(std::string_view utf8) {
    std::u32string small;
    small.reserve(utf8.size());
    for_each_character(utf8, [&](char32_t code) { append_lowercase(code, small); });
    return to_utf8(small);
}

std::string word_rules_version() { return fmt::format("ICU {}, Unicode {}", U_ICU_VERSION, U_UNICODE_VERSION); }

}  // namespace kohort::text

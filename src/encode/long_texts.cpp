#include "encode/long_texts.h"

#include <algorithm>

#include "base/error.h"
#include "text/tokenizer.h"

namespace kohort::encode {

LongTexts parse_long_texts(std::string_view option) {
    if (option == "cut") return LongTexts::cut;
    if (option == "windows") return LongTexts::windows;
    base::fail(base::ErrorKind::usage, "--long-texts {} is not known; cut and windows are", option);
}

std::string_view name_of(LongTexts long_texts) { return long_texts == LongTexts::cut ? "cut" : "windows"; }

std::vector<std::pair<std::int64_t, std::int64_t>> windows_of(std::int64_t tokens, std::int64_t room, std::int64_t overlap) {
    std::vector<std::pair<std::int64_t, std::int64_t>> windows;
    for (std::int64_t first = 0;; first += room - overlap) {
        windows.emplace_back(first, std::min(first + room, tokens));
        if (windows.back().second == tokens) return windows;
    }
}

// A tokenizer says what it adds, but not where: the place is where a text stands among the ids of an empty one.
SpecialTokensAround::SpecialTokensAround(const text::Tokenizer& tokenizer) {
    constexpr std::string_view text = "a";
    constexpr std::int64_t enough = 1 << 20;
    const auto special = tokenizer.encode_for_model("", enough);
    const auto whole = tokenizer.encode_for_model(text, enough);
    std::vector<std::int32_t> plain;
    tokenizer.encode(text, plain);
    for (std::size_t place = 0; place <= special.size(); ++place) {
        auto joined = special;
        joined.insert(joined.begin() + static_cast<std::ptrdiff_t>(place), plain.begin(), plain.end());
        if (joined != whole) continue;
        before.assign(special.begin(), special.begin() + static_cast<std::ptrdiff_t>(place));
        behind.assign(special.begin() + static_cast<std::ptrdiff_t>(place), special.end());
        return;
    }
    base::fail(base::ErrorKind::usage,
               "--long-texts windows: this tokenizer's special tokens do not stand around a text; use cut");
}

std::vector<std::vector<std::int32_t>> split_into_windows(std::vector<std::int32_t> ids, const SpecialTokensAround& special,
                                                          std::int64_t most, std::int64_t overlap) {
    if (static_cast<std::int64_t>(ids.size()) <= most) return {std::move(ids)};
    const auto added = static_cast<std::int64_t>(special.size());
    const auto text = ids.begin() + static_cast<std::ptrdiff_t>(special.before.size());
    std::vector<std::vector<std::int32_t>> sequences;
    for (const auto& [first, last] : windows_of(static_cast<std::int64_t>(ids.size()) - added, most - added, overlap)) {
        auto& window = sequences.emplace_back(special.before);
        window.insert(window.end(), text + first, text + last);
        window.insert(window.end(), special.behind.begin(), special.behind.end());
    }
    return sequences;
}

}  // namespace kohort::encode

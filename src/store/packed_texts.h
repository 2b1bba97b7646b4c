// Texts on their way between ranks: one after another, each ended by a NUL (which no path and no message
// holds).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kohort::store {

inline void append_text(std::string& packed, std::string_view text) {
    packed.append(text).push_back('\0');
}

// Removes the first text from `packed` and returns it.
inline std::string take_text(std::string_view& packed) {
    const auto end = packed.find('\0');
    std::string text(packed.substr(0, end));
    packed.remove_prefix(end == std::string_view::npos ? packed.size() : end + 1);
    return text;
}

inline std::string pack_texts(const std::vector<std::string>& texts) {
    std::string packed;
    for (const auto& text : texts) append_text(packed, text);
    return packed;
}

inline std::vector<std::string> unpack_texts(std::string_view packed) {
    std::vector<std::string> texts;
    while (!packed.empty()) texts.push_back(take_text(packed));
    return texts;
}

}  // namespace kohort::store

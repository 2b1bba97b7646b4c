#include "text/character_map.h"

#include <algorithm>
#include <map>

#include "text/unicode_tables.h"

namespace kohort::text {

std::uint32_t CharacterMap::make_entry(char32_t code, const BertNormalizerOptions& options) {
    const auto pack = [](Kind kind, std::size_t index) {
        return static_cast<std::uint32_t>(kind) | static_cast<std::uint32_t>(index) << kind_bits;
    };
    // Most of Unicode is one of these three, and they need no normaliser.
    const bool chinese = options.handle_chinese_chars && is_chinese(code);
    if (is_unassigned(code) && !chinese) return pack(same, 0);
    if (options.clean_text && is_control(code)) return pack(drop, 0);
    std::u32string target;
    if (!chinese) target = normalize(std::u32string(1, code), options);
    else if (options.strips_accents()) append_canonical_decomposition(code, target);
    else target.push_back(code);

    if (options.strips_accents()) {
        // Marks that stay and have a combining class are put in order with their neighbours.
        if (std::any_of(target.begin(), target.end(), [](char32_t part) { return combining_class(part) != 0; }))
            return pack(irregular, 0);
    }
    if (target.empty()) return pack(drop, 0);
    const auto breaks = [](char32_t part) { return is_white_space(part) || is_punctuation(part); };
    if (target.size() == 1 && is_white_space(target[0])) return pack(space, 0);
    if (target.size() == 1 && (chinese || is_punctuation(target[0]))) {
        alone_words_.push_back(to_utf8(target));
        return pack(alone, alone_words_.size() - 1);
    }
    if (chinese || std::any_of(target.begin(), target.end(), breaks)) return pack(irregular, 0);

    if (target.size() == 1 && target[0] == code && code >= 0x80) return pack(same, 0);
    const std::string bytes = to_utf8(target);
    if (code < 0x80) return pack(mapped, static_cast<unsigned char>(bytes[0]));
    pieces_.push_back({static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint16_t>(bytes.size()),
                       static_cast<std::uint16_t>(target.size())});
    bytes_ += bytes;
    return pack(mapped, pieces_.size() - 1);
}

CharacterMap::CharacterMap(const BertNormalizerOptions& options) {
    constexpr char32_t code_points = 0x110000;
    blocks_.resize(code_points / block_size);
    std::map<std::vector<std::uint32_t>, std::uint16_t> known;
    std::vector<std::uint32_t> block(block_size);
    for (char32_t first = 0; first < code_points; first += block_size) {
        for (char32_t i = 0; i < block_size; ++i) {
            const char32_t code = first + i;
            const bool surrogate = code >= 0xD800 && code < 0xE000;  // never decoded
            block[i] = surrogate ? std::uint32_t{drop} : make_entry(code, options);
        }
        const auto [place, fresh] = known.try_emplace(block, static_cast<std::uint16_t>(known.size()));
        if (fresh) entries_.insert(entries_.end(), block.begin(), block.end());
        blocks_[first >> block_bits] = place->second;
    }
    std::copy_n(entries_.begin() + (std::ptrdiff_t{blocks_[0]} << block_bits), ascii_.size(), ascii_.begin());
}

}  // namespace kohort::text

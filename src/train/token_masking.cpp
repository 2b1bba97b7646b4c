#include "train/token_masking.h"

#include <cmath>

#include "base/philox.h"

namespace kohort::train {

MaskedSequence mask_tokens(const Sequence& sequence, std::int64_t position, const MaskOptions& options) {
    const base::Philox random(options.seed, base::RandomPurpose::token_masking);
    const auto high = static_cast<std::uint64_t>(position);
    const auto is_special = [&](text::TokenId id) {
        const text::SpecialTokens& s = options.special;
        return id == s.classify || id == s.separate || id == s.pad;
    };
    const auto share = static_cast<std::uint64_t>(std::llround(options.share * 0x1p32));

    MaskedSequence result;
    for (const text::TokenId id : sequence) result.ids.push_back(id & ~goes_on_with_word);
    const Sequence shown = result.ids;
    const auto hide = [&](std::size_t place) {
        const auto block = random.block(high, place);
        result.places.push_back(static_cast<std::int32_t>(place));
        result.targets.push_back(shown[place]);
        const std::uint32_t tenth = static_cast<std::uint32_t>((std::uint64_t{block[1]} * 10) >> 32);
        if (tenth < 8)
            result.ids[place] = options.special.mask;
        else if (tenth == 8)
            result.ids[place] = static_cast<text::TokenId>((std::uint64_t{block[2]} * static_cast<std::uint64_t>(options.vocabulary)) >> 32);
    };
    const auto hide_word = [&](std::size_t place) {
        do hide(place++);
        while (place < sequence.size() && (sequence[place] & goes_on_with_word));
    };

    std::vector<std::size_t> words;  // where they begin
    for (std::size_t place = 0; place < sequence.size(); ++place) {
        if (is_special(sequence[place]) || (sequence[place] & goes_on_with_word)) continue;
        words.push_back(place);
        if (random.block(high, place)[0] < share) hide_word(place);
    }
    if (result.places.empty() && !words.empty()) hide_word(words[random.below(words.size(), high, ~std::uint64_t{0})]);
    return result;
}

}  // namespace kohort::train

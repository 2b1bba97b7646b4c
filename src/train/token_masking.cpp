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
    result.ids = sequence;
    const auto hide = [&](std::size_t place, const std::array<std::uint32_t, 4>& block) {
        result.places.push_back(static_cast<std::int32_t>(place));
        result.targets.push_back(sequence[place]);
        const std::uint32_t tenth = static_cast<std::uint32_t>((std::uint64_t{block[1]} * 10) >> 32);
        if (tenth < 8 && options.special.mask >= 0)
            result.ids[place] = options.special.mask;
        else if (tenth == 8)
            result.ids[place] = static_cast<text::TokenId>((std::uint64_t{block[2]} * static_cast<std::uint64_t>(options.vocabulary)) >> 32);
    };

    std::vector<std::size_t> candidates;
    for (std::size_t place = 0; place < sequence.size(); ++place) {
        if (is_special(sequence[place])) continue;
        candidates.push_back(place);
        const auto block = random.block(high, place);
        if (block[0] < share) hide(place, block);
    }
    if (result.places.empty() && !candidates.empty()) {
        const std::size_t place = candidates[random.below(candidates.size(), high, ~std::uint64_t{0})];
        hide(place, random.block(high, place));
    }
    return result;
}

}  // namespace kohort::train

#include "train/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/philox.h"
#include "train/epoch_permutation.h"

namespace kohort::train {
namespace {

Sequence with_special_tokens(std::span<const text::TokenId> ids, const text::SpecialTokens& special, std::int64_t most) {
    const bool begins = special.classify >= 0, ends = special.separate >= 0;
    const auto room = std::max<std::int64_t>(most - begins - ends, 1);
    Sequence sequence;
    sequence.reserve(ids.size() + 2);
    if (begins) sequence.push_back(special.classify);
    sequence.insert(sequence.end(), ids.begin(), ids.begin() + std::min<std::ptrdiff_t>(std::ssize(ids), room));
    if (ends) sequence.push_back(special.separate);
    return sequence;
}

}  // namespace

SampleStream::SampleStream(std::int64_t population, std::int64_t batch, std::uint64_t seed, std::vector<std::int64_t> left_out)
    : left_out_(std::move(left_out)), population_(population - std::ssize(left_out_)), batch_(std::min(population_, batch)), seed_(seed) {}

// The sample that `place` others come before, those left out not counted.
std::int64_t SampleStream::sample_at(std::int64_t place) const {
    std::int64_t before = 0, end = std::ssize(left_out_);  // of those left out
    while (before < end) {
        const std::int64_t middle = (before + end) / 2;
        if (left_out_[static_cast<std::size_t>(middle)] - middle <= place) before = middle + 1;
        else end = middle;
    }
    return place + before;
}

std::vector<std::int64_t> SampleStream::samples(std::int64_t step) const {
    std::vector<std::int64_t> result(static_cast<std::size_t>(batch_));
    std::optional<EpochPermutation> permutation;
    std::int64_t permuted = -1;
    for (std::int64_t i = 0; i < batch_; ++i) {
        const std::int64_t position = first_position(step) + i, epoch = position / population_;
        if (epoch != permuted) {
            permutation.emplace(population_, seed_, static_cast<std::uint64_t>(epoch));
            permuted = epoch;
        }
        result[static_cast<std::size_t>(i)] = sample_at((*permutation)(position % population_));
    }
    return result;
}

std::vector<text::TokenId> drop_tokens(std::span<const text::TokenId> ids, double share, std::uint64_t seed,
                                       std::int64_t position, std::int64_t slot) {
    if (share <= 0 || ids.size() < 2) return {ids.begin(), ids.end()};
    const base::Philox random(seed, base::RandomPurpose::token_dropping);
    const auto high = static_cast<std::uint64_t>(position), stream = static_cast<std::uint64_t>(slot) << 32;
    const auto threshold = static_cast<std::uint32_t>(std::floor(share * 0x1p32));
    std::vector<text::TokenId> kept;
    kept.reserve(ids.size());
    std::array<std::uint32_t, 4> block{};
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (i % 4 == 0) block = random.block(high, stream | (i / 4));
        if (block[i % 4] >= threshold) kept.push_back(ids[i]);
    }
    if (kept.empty()) kept.push_back(ids[random.below(ids.size(), high, stream | 0xFFFFFFFF)]);
    return kept;
}

std::vector<Sequence> draw_sides(const TokenStore& store, std::int64_t sample, std::int64_t position,
                                 const DrawOptions& options) {
    const auto range = store.texts_of_user(sample);
    const std::int64_t drawn = 2 * std::min(options.side_events, range.count / 2);
    const base::Philox random(options.seed, base::RandomPurpose::sampling);
    std::vector<std::int64_t> texts(static_cast<std::size_t>(range.count));
    std::iota(texts.begin(), texts.end(), range.first);
    std::vector<Sequence> sequences;
    for (std::int64_t slot = 0; slot < drawn; ++slot) {  // the first places of a Fisher-Yates shuffle
        const auto other = slot + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(range.count - slot),
                                                                         static_cast<std::uint64_t>(position),
                                                                         static_cast<std::uint64_t>(slot)));
        std::swap(texts[static_cast<std::size_t>(slot)], texts[static_cast<std::size_t>(other)]);
        const auto kept = drop_tokens(store.ids_of_text(texts[static_cast<std::size_t>(slot)]), options.drop_tokens,
                                      options.seed, position, slot);
        sequences.push_back(with_special_tokens(kept, store.special(), options.max_tokens));
    }
    return sequences;
}

Sequence draw_text(const TokenStore& store, std::int64_t sample, std::int64_t max_tokens) {
    return with_special_tokens(store.ids_of_text(sample), store.special(), max_tokens);
}

}  // namespace kohort::train
